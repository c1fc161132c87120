//! The relay's status: the same struct for the API, the console and the tests.

use std::sync::{Arc, Mutex, PoisonError};

use rollcall_model::Timestamp;
use serde::Serialize;

/// What the relay does just now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RelayStatus {
    pub sinks: Vec<SinkStatus>,
}

/// One sink, since this process started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SinkStatus {
    pub name: String,
    pub kind: String,
    /// Sends that have begun and are not settled.
    pub in_flight: usize,
    pub sent: u64,
    /// Failed tries.
    pub failed: u64,
    /// Deliveries given up.
    pub parked: u64,
    /// How often its task was replaced after a panic.
    pub restarts: u64,
    pub last_sent_at: Option<Timestamp>,
    /// The last failure, if nothing was sent since.
    pub fault: Option<String>,
}

/// Where a sink's task writes and anybody reads.
#[derive(Clone)]
pub(crate) struct StatusCell(Arc<Mutex<SinkStatus>>);

impl StatusCell {
    pub(crate) fn new(name: &str, kind: &str) -> Self {
        Self(Arc::new(Mutex::new(SinkStatus {
            name: name.to_owned(),
            kind: kind.to_owned(),
            ..SinkStatus::default()
        })))
    }

    pub(crate) fn read(&self) -> SinkStatus {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns what `change` returns.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut SinkStatus) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
