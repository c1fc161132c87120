//! The pipeline's settings.

use std::num::NonZeroUsize;
use std::time::Duration;

use uuid::Uuid;

use crate::balance::INGEST;
use crate::claims::ClaimsConfig;
use crate::policy::Policy;

/// What becomes of a partition whose hub lacks events that are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnGap {
    /// The gap is recorded, and the partition read on.
    #[default]
    Continue,
    /// The partition stops before the gap until somebody accepts it.
    Stop,
}

/// How the actors between source and store work.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node's name.
    pub node: String,
    /// Random, new with every process.
    pub incarnation: Uuid,
    /// `ingest`, `relay`, `api`: only a node with `ingest` reads.
    pub roles: Vec<String>,
    /// Where this node's API listens, for the other nodes and the commands.
    pub api: Option<String>,
    /// How many owner actors share the owners.
    pub owner_shards: NonZeroUsize,
    /// Threads that carry actors.
    pub arbiters: NonZeroUsize,
    /// Owners plus sub-owners that the directory keeps.
    pub max_resident_entries: NonZeroUsize,
    pub batch_max_events: NonZeroUsize,
    /// Bytes of event bodies.
    pub batch_max_bytes: NonZeroUsize,
    /// How long a batch that is not full waits for more events.
    pub batch_max_wait: Duration,
    /// Batches of one partition between pull and commit.
    pub in_flight_batches: NonZeroUsize,
    /// Status writers; each has its partitions.
    pub writers: NonZeroUsize,
    /// Events that one transaction of a writer may store.
    pub group_max_events: NonZeroUsize,
    pub lease_ttl: Duration,
    pub renew_interval: Duration,
    /// Restarts of one actor within a minute after which the node gives up.
    pub max_restarts_per_minute: u32,
    /// Age at which statuses go; none keeps them for ever.
    pub status_retention: Option<Duration>,
    /// What a reader does about events that the hub does not have.
    pub on_gap: OnGap,
    /// Where nodes tell each other who is at which newcomer; without it the unique key alone does.
    pub claims: Option<ClaimsConfig>,
    /// Whom the stream may enter.
    pub policy: Policy,
    /// How long a drain may take before what is in flight is left to the next start.
    pub drain_timeout: Duration,
}

impl Config {
    /// Whether this node reads partitions.
    #[must_use]
    pub fn ingests(&self) -> bool {
        self.roles.iter().any(|role| role == INGEST)
    }
}
