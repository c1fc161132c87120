//! The unique key decides, and the announcement is a row of the creator's transaction, which the
//! relay sends.

use async_trait::async_trait;
use uuid::Uuid;

use super::event_after_commit::CREATE_ONCE;
use super::{FIND, Way};
use crate::fate::Step;
use crate::hands::Hands;
use crate::session::Value::Text;

const ANNOUNCE: &str = "INSERT INTO outbox (event_id, owner_id) VALUES ($1, $2)";

pub(crate) struct Outbox;

#[async_trait]
impl Way for Outbox {
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
        hands.begin().await?;
        let created = hands.number(CREATE_ONCE, &[Text(owner_id)]).await?;
        if created.is_some() {
            let event_id = Uuid::new_v4().to_string();
            let event = [Text(&event_id), Text(owner_id)];
            hands.run(ANNOUNCE, &event).await?;
        }
        hands.commit().await?;
        match created {
            Some(row) => Ok(Some(row)),
            None => hands.number(FIND, &[Text(owner_id)]).await,
        }
    }
}
