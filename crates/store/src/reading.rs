//! What the API and the commands read. Rows serialize as the API shows them.

use rollcall_model::{
    DeadReason, Drops, Epoch, OwnerId, OwnerState, PartitionId, SequenceNumber, StreamId,
    SubOwnerId, Timestamp,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{DeliveryState, PartitionState};

/// One page of a keyset-paged list. `cursor` is opaque to callers and survives inserts.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next_cursor: Option<String>,
}

/// Which owners a list shows.
#[derive(Debug, Clone, Default)]
pub struct OwnerFilter {
    /// Part of the id or of the name, without regard to case.
    pub q: Option<String>,
    pub state: Option<OwnerState>,
}

#[derive(Debug, Clone, Serialize)]
pub struct StatusRow {
    pub owner_id: OwnerId,
    pub sub_owner_id: SubOwnerId,
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    pub sequence_number: SequenceNumber,
    pub enqueued_at: Timestamp,
    pub status_at: Timestamp,
    /// The exact JSON text.
    pub data: Box<serde_json::value::RawValue>,
    pub value: Option<f64>,
    pub version: i64,
}

/// A partition as the database knows it: lease, checkpoint, totals, last observation.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionRow {
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    pub node: Option<String>,
    pub incarnation: Option<Uuid>,
    pub epoch: Epoch,
    pub expires_at: Option<Timestamp>,
    /// The first event that this stream accounts for.
    pub first_sequence_number: Option<SequenceNumber>,
    /// The last accounted event.
    pub sequence_number: Option<SequenceNumber>,
    pub last_enqueued_sequence_number: Option<SequenceNumber>,
    pub lag_events: Option<i64>,
    pub lag_seconds: Option<f64>,
    pub last_commit_at: Option<Timestamp>,
    pub state: PartitionState,
    pub stored: u64,
    pub held: u64,
    pub dead: u64,
    pub dropped: Drops,
}

#[derive(Debug, Clone, Serialize)]
pub struct NodeRow {
    pub name: String,
    pub incarnation: Uuid,
    pub roles: Vec<String>,
    pub version: String,
    pub api: Option<String>,
    /// How many partitions it holds a lease of.
    pub partitions: i64,
    pub last_seen_at: Timestamp,
    pub shards: serde_json::Value,
}

#[derive(Debug, Clone, Serialize)]
pub struct OutboxRow {
    pub event_id: Uuid,
    #[serde(rename = "type")]
    pub event_type: String,
    pub subject: String,
    pub payload: Box<serde_json::value::RawValue>,
    pub created_at: Timestamp,
    pub deliveries: Vec<DeliveryRow>,
}

#[derive(Debug, Clone, Serialize)]
pub struct DeliveryRow {
    pub sink: String,
    pub state: DeliveryState,
    pub attempts: u32,
    pub sent_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterState {
    Open,
    Replayed,
    Discarded,
}

#[derive(Debug, Clone, Serialize)]
pub struct DeadLetterRow {
    /// `{stream}-{partition}-{sequence number}`.
    pub id: String,
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    pub sequence_number: SequenceNumber,
    pub enqueued_at: Timestamp,
    pub reason: DeadReason,
    pub detail: String,
    /// As bytes; the API shows text where it is UTF-8, and base64 beside it.
    #[serde(skip)]
    pub body: Vec<u8>,
    pub state: DeadLetterState,
}

/// Counts for the summary.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// By state; every state is there.
    pub owners: std::collections::BTreeMap<OwnerState, u64>,
    pub sub_owners: u64,
    /// Open ones.
    pub dead_letters: u64,
    /// Deliveries that are pending.
    pub outbox_pending: u64,
}

/// One check of `rollcall doctor`.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Such as `I1 one created event per owner`.
    pub check: String,
    /// `None`: it holds. Otherwise what is wrong, with the first ids.
    pub fault: Option<String>,
}

/// Which statuses of a sub-owner, and in which order.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatusRange {
    /// Inclusive.
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub to: Option<Timestamp>,
    pub order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Whether the database takes writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// The last failure, if nothing was written since.
    pub fault: Option<HealthFault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthFault {
    pub since: Timestamp,
    /// One sentence, the chain of causes included.
    pub error: String,
}
