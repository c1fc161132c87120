//! `SET NX`: whoever sets the key in Redis creates the owner, the others wait for its row.
//!
//! Nobody can tell a creator that is slow from one that died, so the wait has to end somewhere, and
//! with it the status.

use std::time::Duration;

use async_trait::async_trait;
use redis::Cmd;

use super::{CREATE, FIND, Way};
use crate::fate::Step;
use crate::hands::Hands;
use crate::session::Value::Text;

/// How often the row is looked for, and how long after one look the next one follows.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct SetNx;

#[async_trait]
impl Way for SetNx {
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
        let key = hands.key(owner_id)?;
        if hands.redis(&Cmd::set_nx(&key, 1)).await? {
            let row = hands.number(CREATE, &[Text(owner_id)]).await?;
            hands.announce(owner_id).await?;
            return Ok(row);
        }
        for _ in 0..LOOKS {
            if let Some(row) = hands.number(FIND, &[Text(owner_id)]).await? {
                return Ok(Some(row));
            }
            hands.pause(PAUSE).await?;
        }
        Ok(None)
    }
}
