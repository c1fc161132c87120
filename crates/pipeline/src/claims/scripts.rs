//! The two scripts, and the keys and values that they share with whoever else reads them.

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use rollcall_model::event::owner_subject;
use rollcall_model::{OwnerId, OwnerState};
use rollcall_store::OwnerRecord;
use serde::Serialize;
use uuid::Uuid;

/// A claim whose holder died is free again after this; a provisioning takes some 100 ms at most.
const TTL_MILLIS: u64 = 2_000;
/// Owners of one call: Redis does nothing else while a script runs.
const AT_ONCE: usize = 500;

/// KEYS: an entry and a lock by turns; ARGV: token, time to live. Whoever repeats its question
/// keeps its claim.
const ASK: &str = r"
local turns = {}
for i = 1, #KEYS, 2 do
    if redis.call('EXISTS', KEYS[i]) == 1 then
        turns[#turns + 1] = 'known'
    elseif redis.call('SET', KEYS[i + 1], ARGV[1], 'NX', 'PX', ARGV[2])
        or redis.call('GET', KEYS[i + 1]) == ARGV[1] then
        turns[#turns + 1] = 'ours'
    else
        turns[#turns + 1] = 'busy'
    end
end
return turns
";

/// KEYS as above; ARGV: token, then an entry and its version by turns. An older version never
/// replaces a newer one, and nobody gives up another's claim.
const TELL: &str = r"
for i = 1, #KEYS, 2 do
    local known, entry = pcall(cjson.decode, redis.call('GET', KEYS[i]) or '')
    local version = known and type(entry) == 'table' and tonumber(entry.version) or 0
    if tonumber(ARGV[i + 2]) > version then
        redis.call('SET', KEYS[i], ARGV[i + 1])
    end
    if redis.call('GET', KEYS[i + 1]) == ARGV[1] then
        redis.call('DEL', KEYS[i + 1])
    end
end
";

/// Whose turn it is to enter a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Ours,
    /// Somebody is at it.
    Busy,
    /// Somebody has entered it.
    Known,
}

impl Turn {
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::Busy, Self::Known];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Busy => "busy",
            Self::Known => "known",
        }
    }

    /// Whatever else a script may say: the database decides.
    fn named(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|turn| turn.as_str() == name)
            .unwrap_or(Self::Ours)
    }
}

/// What Redis holds of an owner.
pub(super) struct Entry {
    owner_id: OwnerId,
    value: String,
    version: i64,
}

#[derive(Serialize)]
struct EntryValue {
    state: OwnerState,
    version: i64,
}

impl Entry {
    pub(super) fn of(record: &OwnerRecord) -> Self {
        let value = EntryValue {
            state: record.state,
            version: record.version,
        };
        Self {
            owner_id: record.owner_id.clone(),
            // Two plain fields always have a text.
            value: serde_json::to_string(&value).unwrap_or_default(),
            version: record.version,
        }
    }
}

pub(super) struct Scripts {
    ask: Script,
    tell: Script,
    /// Fences the release of a claim: it is this process's alone.
    token: String,
}

impl Scripts {
    pub(super) fn new(incarnation: Uuid) -> Self {
        Self {
            ask: Script::new(ASK),
            tell: Script::new(TELL),
            token: incarnation.to_string(),
        }
    }

    pub(super) async fn ask(
        &self,
        mut connection: MultiplexedConnection,
        owner_ids: &[OwnerId],
    ) -> RedisResult<Vec<Turn>> {
        let mut turns = Vec::with_capacity(owner_ids.len());
        for chunk in owner_ids.chunks(AT_ONCE) {
            let mut asking = self.ask.prepare_invoke();
            for owner_id in chunk {
                asking.key(keys(owner_id).as_slice());
            }
            asking.arg(&self.token).arg(TTL_MILLIS);
            let names: Vec<String> = asking.invoke_async(&mut connection).await?;
            turns.extend(names.iter().map(|name| Turn::named(name)));
        }
        Ok(turns)
    }

    pub(super) async fn tell(
        &self,
        mut connection: MultiplexedConnection,
        entries: &[Entry],
    ) -> RedisResult<()> {
        for chunk in entries.chunks(AT_ONCE) {
            let mut telling = self.tell.prepare_invoke();
            telling.arg(&self.token);
            for entry in chunk {
                telling.key(keys(&entry.owner_id).as_slice());
                telling.arg(&entry.value).arg(entry.version);
            }
            telling.invoke_async::<()>(&mut connection).await?;
        }
        Ok(())
    }
}

/// An owner's entry and its lock; the id is encoded as in an event's subject.
fn keys(owner_id: &OwnerId) -> [String; 2] {
    let entry = format!("rollcall:owner:{}", owner_subject(owner_id));
    let lock = format!("{entry}_lock");
    [entry, lock]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hold_the_id_percent_encoded() {
        let owner_id = OwnerId::parse("süd/1:a").unwrap();
        assert_eq!(
            keys(&owner_id),
            [
                "rollcall:owner:s%C3%BCd%2F1%3Aa",
                "rollcall:owner:s%C3%BCd%2F1%3Aa_lock"
            ]
        );
    }
}
