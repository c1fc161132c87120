//! Look in Redis whether the owner is there; create it if it is not, and enter it there.

use anyhow::Context as _;
use async_trait::async_trait;
use redis::Cmd;

use super::{CREATE, Way};
use crate::fate::Step;
use crate::hands::Hands;
use crate::session::Value::Text;

pub(crate) struct CheckThenSet;

#[async_trait]
impl Way for CheckThenSet {
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
        let key = hands.key(owner_id)?;
        if let Some(row) = hands.redis(&Cmd::get(&key)).await? {
            return Ok(Some(row));
        }
        let created = hands.number(CREATE, &[Text(owner_id)]).await?;
        let row = created.context("a creation returns its row")?;
        hands.redis::<()>(&Cmd::set(&key, row)).await?;
        hands.announce(owner_id).await?;
        Ok(Some(row))
    }
}
