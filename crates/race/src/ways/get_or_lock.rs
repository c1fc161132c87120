//! A Lua script that gets the owner's entry in Redis, or else locks it, or else says that somebody
//! has the lock. Whoever gets the lock creates the owner and makes the entry.
//!
//! The lock expires, so that the death of its holder does not lock the owner for ever.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use redis::{Cmd, cmd};
use uuid::Uuid;

use super::{CREATE, Way};
use crate::fate::Step;
use crate::hands::Hands;
use crate::session::Value::Text;

const GET_OR_LOCK: &str = "
    local entry = redis.call('GET', KEYS[1])
    if entry then return entry end
    if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 'locked' end
    return 'busy'";
pub(super) const UNLOCK: &str = "
    if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
    return 0";
/// Far longer than a creation takes.
pub(super) const LOCK_MILLIS: u64 = 1_000;
pub(super) const PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct GetOrLock;

#[async_trait]
impl Way for GetOrLock {
    async fn row(&self, hands: &mut Hands<'_>, owner_id: &str) -> Step<Option<i64>> {
        let (key, lock) = (hands.key(owner_id)?, hands.lock(owner_id)?);
        let token = Uuid::new_v4().to_string();
        let mut get_or_lock = cmd("EVAL");
        get_or_lock.arg(GET_OR_LOCK).arg(2).arg(&key).arg(&lock);
        get_or_lock.arg(&token).arg(LOCK_MILLIS);
        loop {
            let answer: String = hands.redis(&get_or_lock).await?;
            match answer.as_str() {
                "locked" => break,
                "busy" => hands.pause(PAUSE).await?,
                entry => return Ok(Some(entry.parse()?)),
            }
        }
        let created = hands.number(CREATE, &[Text(owner_id)]).await?;
        let row = created.context("a creation returns its row")?;
        hands.redis::<()>(&Cmd::set(&key, row)).await?;
        hands.announce(owner_id).await?;
        let mut unlock = cmd("EVAL");
        unlock.arg(UNLOCK).arg(1).arg(&lock).arg(&token);
        hands.redis::<i64>(&unlock).await?;
        Ok(Some(row))
    }
}
