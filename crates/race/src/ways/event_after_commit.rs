//! The database's unique key decides who creates the owner; the creator announces it after the
//! commit.

use async_trait::async_trait;

use super::{FIND, Way};
use crate::fate::Step;
use crate::hands::Hands;
use crate::session::Value::Text;

/// No row if somebody else was quicker.
pub(super) const CREATE_ONCE: &str = "
    INSERT INTO owners (owner_id) VALUES ($1) ON CONFLICT (owner_id) DO NOTHING RETURNING id";

pub(crate) struct EventAfterCommit;

#[async_trait]
impl Way for EventAfterCommit {
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
        let Some(row) = hands.number(CREATE_ONCE, &[Text(owner_id)]).await? else {
            return hands.number(FIND, &[Text(owner_id)]).await;
        };
        hands.announce(owner_id).await?;
        Ok(Some(row))
    }
}
