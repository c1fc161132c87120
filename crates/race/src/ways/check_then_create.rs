//! Look whether the owner is there, and create it if it is not.

use async_trait::async_trait;

use super::{CREATE, FIND, Way};
use crate::fate::Step;
use crate::hands::Hands;
use crate::session::Value::Text;

pub(crate) struct CheckThenCreate;

#[async_trait]
impl Way for CheckThenCreate {
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
        if let Some(row) = hands.number(FIND, &[Text(owner_id)]).await? {
            return Ok(Some(row));
        }
        let row = hands.number(CREATE, &[Text(owner_id)]).await?;
        hands.announce(owner_id).await?;
        Ok(row)
    }
}
