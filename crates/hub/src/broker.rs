//! What all connections of a hub share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rollcall_model::{Clock, Timestamp};

use crate::epoch::Receivers;
use crate::log::Partition;
use crate::sas::Key;

/// The hub as its connections see it.
pub(crate) struct Broker {
    pub(crate) event_hub: String,
    pub(crate) key: Key,
    pub(crate) known_token: Option<String>,
    pub(crate) presettle: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) patience: Patience,
    next_link: AtomicU64,
    turn: AtomicUsize,
}

/// How long a silent peer is borne.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the first byte to the open performative.
    pub(crate) handshake: Duration,
    /// A connection that says nothing, not even a heartbeat, is closed after this time. Peers are
    /// asked to speak twice as often.
    pub(crate) idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(20),
            idle: Duration::from_secs(240),
        }
    }
}

/// What [`Broker::new`] is made of.
pub(crate) struct Parts {
    pub(crate) event_hub: String,
    pub(crate) key: Key,
    pub(crate) known_token: Option<String>,
    pub(crate) presettle: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) patience: Patience,
}

impl Broker {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            event_hub: parts.event_hub,
            key: parts.key,
            known_token: parts.known_token,
            presettle: parts.presettle,
            created_at: parts.created_at,
            clock: parts.clock,
            partitions: parts.partitions,
            patience: parts.patience,
            receivers: Arc::default(),
            next_link: AtomicU64::new(1),
            turn: AtomicUsize::new(0),
        }
    }

    pub(crate) fn partition(&self, id: u32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(id).ok()?)
    }

    /// The partition of a key, or the next one in turn without a key.
    pub(crate) fn choose(&self, partition_key: Option<&[u8]>) -> &Arc<Partition> {
        let number = match partition_key {
            Some(key) => usize::try_from(crc32fast::hash(key)).unwrap_or(0),
            None => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        &self.partitions[number % self.partitions.len()]
    }

    pub(crate) fn next_link_id(&self) -> u64 {
        self.next_link.fetch_add(1, Ordering::Relaxed)
    }
}
