//! A lock in Redis around looking and creating, with a token and a time to live.

use async_trait::async_trait;
use redis::cmd;
use uuid::Uuid;

use super::get_or_lock::{LOCK_MILLIS, PAUSE, UNLOCK};
use super::{CREATE, FIND, Way};
use crate::fate::Step;
use crate::hands::Hands;
use crate::session::Value::Text;

pub(crate) struct LockAround;

#[async_trait]
impl Way for LockAround {
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
        let lock = hands.lock(owner_id)?;
        let token = Uuid::new_v4().to_string();
        let mut take = cmd("SET");
        take.arg(&lock).arg(&token).arg("NX");
        take.arg("PX").arg(LOCK_MILLIS);
        while hands.redis::<Option<String>>(&take).await?.is_none() {
            hands.pause(PAUSE).await?;
        }
        let row = locked(hands, owner_id).await?;
        let mut unlock = cmd("EVAL");
        unlock.arg(UNLOCK).arg(1).arg(&lock).arg(&token);
        hands.redis::<i64>(&unlock).await?;
        Ok(row)
    }
}

async fn locked(hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
    if let Some(row) = hands.number(FIND, &[Text(owner_id)]).await? {
        return Ok(Some(row));
    }
    let row = hands.number(CREATE, &[Text(owner_id)]).await?;
    hands.announce(owner_id).await?;
    Ok(row)
}
