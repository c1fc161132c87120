//! What the API and the commands read. Rows serialize as the API shows them.
//!
//! Lists are keyset-paged; a cursor that no list gave is [`crate::Kind::BadCursor`]. A page has at
//! most 1,000 rows. Reading goes through sea-orm on connections of its own and never waits for a
//! writer.

pub mod gaps;
pub mod history;
mod letters;
pub mod outbox;
mod partitions;
pub(crate) mod roll;
mod search;
pub(crate) mod statuses;
mod summary;

use rollcall_model::{
    DeadReason, Drops, Epoch, Owner, OwnerId, OwnerState, PartitionId, SequenceNumber, StreamId,
    SubOwner, SubOwnerId, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{Backend, Operation};
use crate::{Error, PartitionState, Store, Stream, postgres, sqlite};

/// One page of a keyset-paged list. `cursor` is opaque to callers and survives inserts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next_cursor: Option<String>,
}

/// Which owners a list shows, and in which order.
#[derive(Debug, Clone, Default)]
pub struct OwnerFilter {
    /// Part of the id or of the name, without regard to case.
    pub q: Option<String>,
    pub state: Option<OwnerState>,
    pub sort: OwnerSort,
}

/// By what owners are sorted; the id decides between those of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnerSort {
    #[default]
    Id,
    IdFalling,
    Created,
    CreatedFalling,
}

impl OwnerSort {
    pub const ALL: [Self; 4] = [
        Self::Id,
        Self::IdFalling,
        Self::Created,
        Self::CreatedFalling,
    ];

    /// The column's name, behind `-` where it falls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "owner_id",
            Self::IdFalling => "-owner_id",
            Self::Created => "created_at",
            Self::CreatedFalling => "-created_at",
        }
    }
}

impl std::str::FromStr for OwnerSort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|sort| sort.as_str() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is not one of {names}")
        })
    }
}

/// A stored status.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StatusRow {
    pub owner_id: OwnerId,
    pub sub_owner_id: SubOwnerId,
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    pub sequence_number: SequenceNumber,
    pub enqueued_at: Timestamp,
    pub status_at: Timestamp,
    /// Any JSON value, exactly as it came.
    pub data: Box<serde_json::value::RawValue>,
    pub value: Option<f64>,
    pub version: i64,
}

/// A partition as the database knows it: lease, checkpoint, totals, last observation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
    /// Why it is not read, as its reader last told.
    pub fault: Option<String>,
    /// Whose claim was the last one, also after its release.
    pub last_node: Option<String>,
    /// Claims by another node than the one before.
    pub moves: u64,
    /// Claims of a lease that had run out under its reader: it was killed, stopped or cut off.
    pub losses: u64,
    pub stored: u64,
    pub held: u64,
    pub dead: u64,
    /// Numbers that the hub did not have.
    pub gaps: u64,
    /// Rows that retention or erasure took from `statuses`; they stay in `stored`.
    pub removed: u64,
    /// Rows that a replay added to `statuses` beyond the totals.
    pub replayed: u64,
    /// Up to which number an operator accepted that events are missing.
    pub gap_accepted_upto: Option<SequenceNumber>,
    pub dropped: Drops,
}

/// A generation of a hub, and whether it is one that is read now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StreamRow {
    #[serde(flatten)]
    pub stream: Stream,
    pub current: bool,
}

/// A node by its last sign of life.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
    /// How it stands with its leases, as it last told; null before it told.
    pub leases: serde_json::Value,
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterState {
    Open,
    Replayed,
    Discarded,
}

/// An event that could not be stored as a status.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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

/// Which dead letters a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadLetterFilter {
    pub state: Option<DeadLetterState>,
    pub reason: Option<DeadReason>,
    /// Of every generation of the hub.
    pub partition_id: Option<PartitionId>,
}

/// Counts for the summary.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Summary {
    /// By state; every state is there.
    pub owners: std::collections::BTreeMap<OwnerState, u64>,
    /// Those that are not deleted.
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

/// By the rule of the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl DeadLetterState {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }
}

impl std::str::FromStr for DeadLetterState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Open, Self::Replayed, Self::Discarded]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not one of open, replayed, discarded"))
    }
}

/// # Errors
/// Every method: by [`crate::Kind`], as every transaction.
impl Store {
    pub async fn owner(&self, owner_id: &OwnerId) -> Result<Option<Owner>, Error> {
        let owner_id = owner_id.clone();
        let operation = Operation::read("owner", owner_id.as_str());
        self.call(operation, move |backend| {
            let owner_id = owner_id.clone();
            async move { roll::owner(backend.reading(), &owner_id).await }
        })
        .await
    }

    pub async fn sub_owner(
        &self,
        owner_id: &OwnerId,
        sub_owner_id: &SubOwnerId,
    ) -> Result<Option<SubOwner>, Error> {
        let key = (owner_id.clone(), sub_owner_id.clone());
        let operation = Operation::read("sub_owner", format!("{owner_id}/{sub_owner_id}"));
        self.call(operation, move |backend| {
            let key = key.clone();
            async move { roll::sub_owner(backend.reading(), &key.0, &key.1).await }
        })
        .await
    }

    /// By id, ascending.
    pub async fn list_owners(
        &self,
        filter: &OwnerFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Owner>, Error> {
        let asked = (filter.clone(), cursor.map(str::to_owned));
        self.call(Operation::read("list_owners", ""), move |backend| {
            let (filter, cursor) = asked.clone();
            async move {
                roll::list_owners(backend.reading(), &filter, limit, cursor.as_deref()).await
            }
        })
        .await
    }

    /// By id, ascending.
    pub async fn list_sub_owners(
        &self,
        owner_id: &OwnerId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<SubOwner>, Error> {
        let asked = (owner_id.clone(), cursor.map(str::to_owned));
        let operation = Operation::read("list_sub_owners", format!("of {owner_id}"));
        self.call(operation, move |backend| {
            let (owner_id, cursor) = asked.clone();
            async move {
                let cursor = cursor.as_deref();
                roll::list_sub_owners(backend.reading(), &owner_id, limit, cursor).await
            }
        })
        .await
    }

    /// By the rule of the newest, `from` inclusive, `to` exclusive, on `status_at`.
    pub async fn list_statuses(
        &self,
        owner_id: &OwnerId,
        sub_owner_id: &SubOwnerId,
        range: StatusRange,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<StatusRow>, Error> {
        let key = (owner_id.clone(), sub_owner_id.clone());
        let cursor = cursor.map(str::to_owned);
        let operation = Operation::read("list_statuses", format!("of {owner_id}/{sub_owner_id}"));
        self.call(operation, move |backend| {
            let (key, cursor) = (key.clone(), cursor.clone());
            async move {
                let (key, cursor) = ((&key.0, &key.1), cursor.as_deref());
                statuses::list(backend.reading(), key, range, limit, cursor).await
            }
        })
        .await
    }

    /// The newest status; it survives retention.
    pub async fn latest_status(
        &self,
        owner_id: &OwnerId,
        sub_owner_id: &SubOwnerId,
    ) -> Result<Option<StatusRow>, Error> {
        let key = (owner_id.clone(), sub_owner_id.clone());
        let operation = Operation::read("latest_status", format!("of {owner_id}/{sub_owner_id}"));
        self.call(operation, move |backend| {
            let key = key.clone();
            async move { statuses::latest(backend.reading(), &key.0, &key.1).await }
        })
        .await
    }

    /// The newest status of each sub-owner, by its id, at most so many.
    pub async fn latest_statuses(
        &self,
        owner_id: &OwnerId,
        limit: u32,
    ) -> Result<Vec<StatusRow>, Error> {
        let owner_id = owner_id.clone();
        let operation = Operation::read("latest_statuses", format!("of {owner_id}"));
        self.call(operation, move |backend| {
            let owner_id = owner_id.clone();
            async move { statuses::latest_of_each(backend.reading(), &owner_id, limit).await }
        })
        .await
    }

    /// The stream that was resolved last, and every other of which a partition is leased: of each
    /// (namespace, event hub, consumer group) at most one, that which was resolved last. What was
    /// read before a change of the source is not among them.
    pub async fn current_streams(&self) -> Result<Vec<Stream>, Error> {
        self.call(
            Operation::read("current_streams", ""),
            |backend| async move {
                partitions::current_streams(backend.reading(), backend.now().await?).await
            },
        )
        .await
    }

    /// Every generation of every hub that was ever read, by name, oldest first.
    pub async fn list_streams(&self) -> Result<Vec<StreamRow>, Error> {
        self.call(Operation::read("list_streams", ""), |backend| async move {
            partitions::list_streams(backend.reading(), backend.now().await?).await
        })
        .await
    }

    /// By number: every partition that a reading node has seen at the hub.
    pub async fn list_partitions(&self, stream_id: StreamId) -> Result<Vec<PartitionRow>, Error> {
        let operation = Operation::read("list_partitions", format!("of stream {stream_id}"));
        self.call(operation, move |backend| async move {
            partitions::list(backend.reading(), stream_id, backend.now().await?).await
        })
        .await
    }

    /// By name.
    pub async fn list_nodes(&self) -> Result<Vec<NodeRow>, Error> {
        self.call(Operation::read("list_nodes", ""), |backend| async move {
            partitions::list_nodes(backend.reading(), backend.now().await?).await
        })
        .await
    }

    /// By stream, partition and number.
    pub async fn list_dead_letters(
        &self,
        filter: DeadLetterFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<DeadLetterRow>, Error> {
        let cursor = cursor.map(str::to_owned);
        self.call(Operation::read("list_dead_letters", ""), move |backend| {
            let cursor = cursor.clone();
            async move {
                let cursor = cursor.as_deref();
                letters::list_dead_letters(backend.reading(), &filter, limit, cursor).await
            }
        })
        .await
    }

    /// By the id that the list shows.
    pub async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetterRow>, Error> {
        let id = id.to_owned();
        self.call(Operation::read("dead_letter", &id), move |backend| {
            let id = id.clone();
            async move { letters::dead_letter(backend.reading(), &id).await }
        })
        .await
    }

    /// Checks I1, I2 (by the durable totals), I4 and I5 in one snapshot, beside a running node as
    /// well. Reads every row: a matter of minutes on a large database.
    pub async fn check_invariants(&self) -> Result<Vec<Finding>, Error> {
        self.call(
            Operation::read("check_invariants", ""),
            |backend| async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::doctor::check(database).await,
                    Backend::Postgres(database) => postgres::doctor::check(database).await,
                }
            },
        )
        .await
    }
}
