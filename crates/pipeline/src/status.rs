//! The pipeline's status: the same struct for the API, the console and the tests.

use rollcall_model::{Epoch, PartitionId, SequenceNumber, Timestamp};
use rollcall_store::PartitionState;
use serde::Serialize;

/// What this node does just now.
#[derive(Debug, Clone, Serialize, Default)]
pub struct PipelineStatus {
    pub readers: Vec<ReaderStatus>,
    pub shards: Vec<ShardStatus>,
    /// Statuses stored per second, over the last few seconds; `None` until there is a span.
    pub statuses_per_second: Option<f64>,
    /// Owners plus sub-owners in the directory.
    pub resident_entries: u64,
}

/// One partition as its reader on this node sees it.
#[derive(Debug, Clone, Serialize)]
pub struct ReaderStatus {
    pub partition_id: PartitionId,
    pub state: PartitionState,
    pub epoch: Option<Epoch>,
    /// The last accounted event.
    pub sequence_number: Option<SequenceNumber>,
    pub last_enqueued_sequence_number: Option<SequenceNumber>,
    pub lag_events: Option<i64>,
    pub lag_seconds: Option<f64>,
    pub last_commit_at: Option<Timestamp>,
    pub in_flight_batches: usize,
    pub restarts: u64,
    /// Why it is not reading, if it is not.
    pub fault: Option<String>,
}

/// One owner actor.
#[derive(Debug, Clone, Serialize)]
pub struct ShardStatus {
    pub shard: usize,
    /// Slices that wait in its mailbox or for a provisioning transaction.
    pub depth: u64,
    /// Owners of the shard that are resident on this node.
    pub owners: u64,
    pub restarts: u64,
}

/// Whether the node should get traffic.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Readiness {
    pub ready: bool,
    /// Why not: one sentence each.
    pub reasons: Vec<String>,
    /// What somebody has to see to although the node is ready: a partition that stopped at a gap.
    pub warnings: Vec<String>,
}
