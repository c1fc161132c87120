//! Whether the database takes writes, as the last writing transaction found it.

use std::sync::{Mutex, PoisonError};

use rollcall_model::Timestamp;
use serde::Serialize;

/// Whether the database takes writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The last failure, if nothing was written since.
    pub fault: Option<HealthFault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthFault {
    /// When the first of the failures came.
    pub since: Timestamp,
    /// One sentence, the chain of causes included.
    pub error: String,
}

/// The health as it changes. Never held across an await.
#[derive(Debug, Default)]
pub(crate) struct HealthKeeper(Mutex<Health>);

impl HealthKeeper {
    pub(crate) fn current(&self) -> Health {
        self.lock().clone()
    }

    pub(crate) fn succeeded(&self) {
        self.lock().fault = None;
    }

    pub(crate) fn failed(&self, now: Timestamp, error: String) {
        let mut health = self.lock();
        let since = health.fault.as_ref().map_or(now, |fault| fault.since);
        health.fault = Some(HealthFault { since, error });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Health> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_its_beginning_until_a_write_succeeds() {
        let keeper = HealthKeeper::default();
        keeper.failed(Timestamp::from_millis(1), "full".to_owned());
        keeper.failed(Timestamp::from_millis(9), "still full".to_owned());
        let fault = keeper.current().fault.unwrap();
        assert_eq!(fault.since, Timestamp::from_millis(1));
        assert_eq!(fault.error, "still full");
        keeper.succeeded();
        assert_eq!(keeper.current(), Health::default());
    }
}
