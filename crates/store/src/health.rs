//! Whether the database takes writes, as the last writing transaction of each name found it.
//!
//! The fault of a name ends when a transaction of that name gets through: on a full disk small
//! writes succeed while every commit fails. One that nobody tries again must not last for ever, so
//! a fault that has not recurred for half a minute ends with the next success of any name.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rollcall_model::Timestamp;
use serde::Serialize;

/// Whatever has to be written is tried again every few seconds; what has not failed for this long
/// is not tried any more.
const ABANDONED_AFTER: Duration = Duration::from_secs(30);

/// Whether the database takes writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The oldest of the failures that were not followed by a success.
    pub fault: Option<HealthFault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthFault {
    /// When the first of the failures came.
    pub since: Timestamp,
    /// One sentence, the chain of causes included.
    pub error: String,
}

/// The faults by the transaction's name. Never held across an await.
#[derive(Debug, Default)]
pub(crate) struct HealthKeeper(Mutex<BTreeMap<&'static str, Standing>>);

#[derive(Debug)]
struct Standing {
    fault: HealthFault,
    last_failed_at: Timestamp,
}

impl HealthKeeper {
    pub(crate) fn current(&self) -> Health {
        let faults = self.lock();
        let oldest = faults.values().min_by_key(|standing| standing.fault.since);
        Health {
            fault: oldest.map(|standing| standing.fault.clone()),
        }
    }

    pub(crate) fn succeeded(&self, operation: &'static str, now: Timestamp) {
        let abandoned = now.minus(ABANDONED_AFTER);
        self.lock()
            .retain(|name, standing| *name != operation && standing.last_failed_at > abandoned);
    }

    pub(crate) fn failed(&self, operation: &'static str, now: Timestamp, error: String) {
        let mut faults = self.lock();
        let since = faults
            .get(operation)
            .map_or(now, |standing| standing.fault.since);
        let standing = Standing {
            fault: HealthFault { since, error },
            last_failed_at: now,
        };
        faults.insert(operation, standing);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_fault_keeps_its_beginning_until_a_write_succeeds() {
        let keeper = HealthKeeper::default();
        keeper.failed("commit", second(1), "full".to_owned());
        keeper.failed("commit", second(9), "still full".to_owned());
        let fault = keeper.current().fault.unwrap();
        assert_eq!(fault.since, second(1));
        assert_eq!(fault.error, "still full");
        keeper.succeeded("commit", second(10));
        assert_eq!(keeper.current(), Health::default());
    }

    #[test]
    fn a_success_of_another_name_leaves_a_fault_that_recurs() {
        let keeper = HealthKeeper::default();
        keeper.failed("commit", second(1), "full".to_owned());
        keeper.failed("report_node", second(2), "busy".to_owned());
        keeper.failed("commit", second(20), "full".to_owned());
        keeper.succeeded("report_node", second(45));
        assert_eq!(keeper.current().fault.unwrap().since, second(1));
        keeper.succeeded("commit", second(46));
        assert_eq!(keeper.current(), Health::default());
    }

    #[test]
    fn a_fault_that_nobody_tries_again_ends_after_half_a_minute() {
        let keeper = HealthKeeper::default();
        keeper.failed("erase_owner", second(1), "busy".to_owned());
        keeper.succeeded("renew_leases", second(30));
        assert!(keeper.current().fault.is_some());
        keeper.succeeded("renew_leases", second(31));
        assert_eq!(keeper.current(), Health::default());
    }
}
