//! Streams, leases and nodes: who may read what, from where.

use rollcall_model::{Epoch, PartitionId, SequenceNumber, StreamId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The hub as it shows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubIdentity {
    /// The endpoint's host in lower case without port; `localhost` for the embedded hub.
    pub namespace: String,
    pub event_hub: String,
    pub consumer_group: String,
    pub created_at: Timestamp,
}

/// One generation of a hub as one consumer group reads it: the row of `streams`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stream {
    pub stream_id: StreamId,
    pub namespace: String,
    pub event_hub: String,
    pub consumer_group: String,
    /// 1 for the first; grows when the hub was re-created.
    pub generation: i64,
    pub hub_created_at: Timestamp,
}

/// Who claims: a node's name plus the random incarnation of its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenure {
    pub node: String,
    pub incarnation: Uuid,
    pub ttl: std::time::Duration,
}

/// A lease that was granted, with the checkpoint as of the same statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The greater of the stored epoch plus 1 and the database's Unix seconds.
    pub epoch: Epoch,
    /// The last accounted event; none until the partition was begun.
    pub checkpoint: Option<SequenceNumber>,
    /// The hub's number epoch of this partition when it was begun.
    pub number_epoch: Option<i64>,
}

/// What a reader does, as the operator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    Reading,
    Draining,
    Displaced,
    Stalled,
    Unowned,
}

/// What a renewal tells the other nodes about one partition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    pub partition_id: PartitionId,
    pub epoch: Epoch,
    pub state: PartitionState,
    pub last_enqueued_sequence_number: Option<SequenceNumber>,
    /// When the oldest event that is not yet accounted for was enqueued, if it is known.
    pub lag_seconds: Option<f64>,
}

/// A node's sign of life: the row of `nodes`.
#[derive(Debug, Clone)]
pub struct NodeReport {
    pub node: String,
    pub incarnation: Uuid,
    /// `ingest`, `relay`, `api`.
    pub roles: Vec<String>,
    pub version: String,
    /// Where its API listens, if it has one, such as `http://127.0.0.1:8080`.
    pub api: Option<String>,
    /// JSON array of its shards (`shard`, `depth`, `owners`, `restarts`).
    pub shards: serde_json::Value,
}
