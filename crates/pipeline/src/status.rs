//! The pipeline's status: the same struct for the API, the console and the tests.

use rollcall_model::{Epoch, PartitionId, SequenceNumber, Timestamp};
use rollcall_store::PartitionState;
use schemars::JsonSchema;
use serde::Serialize;

/// What this node does just now.
#[derive(Debug, Clone, Serialize, Default)]
pub struct PipelineStatus {
    pub readers: Vec<ReaderStatus>,
    pub leases: LeaseStatus,
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

/// How this node stands with its leases; the figures are since it started.
#[derive(Debug, Clone, Serialize, Default)]
pub struct LeaseStatus {
    /// When the last renewal got through.
    pub renewed_at: Option<Timestamp>,
    /// Since when renewals fail, and why.
    pub failing_since: Option<Timestamp>,
    pub fault: Option<String>,
    pub claimed: u64,
    pub released: u64,
    /// Leases that another node turned out to hold.
    pub lost: u64,
    /// Leases that ran out before they could be renewed.
    pub lapsed: u64,
    /// Partitions that this node stopped reading against its will, and has not claimed since.
    pub losses: Vec<LeaseLoss>,
}

/// A partition that was read here and must not be any more.
#[derive(Debug, Clone, Serialize)]
pub struct LeaseLoss {
    pub partition_id: PartitionId,
    pub at: Timestamp,
    /// One sentence.
    pub fault: String,
}

/// One owner actor.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
