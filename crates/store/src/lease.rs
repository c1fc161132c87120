//! Streams, leases and nodes: who may read what, from where.

use std::collections::BTreeSet;

use rollcall_model::{Epoch, PartitionId, SequenceNumber, StreamId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{Backend, Operation};
use crate::{Answer, Error, Store, postgres, sqlite};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    Reading,
    Draining,
    Displaced,
    Stalled,
    Unowned,
}

/// What a renewal tells the other nodes about one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub partition_id: PartitionId,
    pub epoch: Epoch,
    pub state: PartitionState,
    pub last_enqueued_sequence_number: Option<SequenceNumber>,
    /// When the oldest event that is not yet accounted for was enqueued, if it is known.
    pub lag_seconds: Option<f64>,
    /// Why it is not read, if it is not.
    pub fault: Option<String>,
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
    /// JSON object: how it stands with its leases.
    pub leases: serde_json::Value,
}

impl PartitionState {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Draining => "draining",
            Self::Displaced => "displaced",
            Self::Stalled => "stalled",
            Self::Unowned => "unowned",
        }
    }
}

impl std::str::FromStr for PartitionState {
    type Err = serde::de::value::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use serde::de::IntoDeserializer as _;
        Self::deserialize(text.into_deserializer())
    }
}

/// What the sessions of every node are named, before its incarnation.
pub(crate) const APPLICATION: &str = "rollcall/";

/// The name of a node's sessions on the database server, by its incarnation: a claim of its
/// expired lease ends the sessions of this name.
#[must_use]
pub fn application_name(incarnation: Uuid) -> String {
    format!("{APPLICATION}{incarnation}")
}

/// A partition under a lease: what a reader shows to prove that it still holds it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) stream_id: StreamId,
    pub(crate) partition_id: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) incarnation: Uuid,
}

impl Store {
    /// The newest generation with the hub's `created_at`, be it one before the last; else a new one.
    /// It is the current one from then on.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn resolve_stream(&self, hub: &HubIdentity) -> Result<Stream, Error> {
        let hub = hub.clone();
        self.call(
            Operation::write("resolve_stream", &hub.event_hub),
            move |backend| {
                let hub = hub.clone();
                async move {
                    match &*backend {
                        Backend::Sqlite(database) => sqlite::stream::resolve(database, &hub).await,
                        Backend::Postgres(database) => {
                            postgres::stream::resolve(database, &hub).await
                        }
                    }
                }
            },
        )
        .await
    }

    /// Adds a generation in the place of `from` (numbers turned out to have begun anew); if somebody
    /// was quicker, theirs. It is the current one from then on.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn next_generation(
        &self,
        from: StreamId,
        hub: &HubIdentity,
    ) -> Result<Stream, Error> {
        let hub = hub.clone();
        self.call(
            Operation::write("next_generation", format!("after stream {from}")),
            move |backend| {
                let hub = hub.clone();
                async move {
                    match &*backend {
                        Backend::Sqlite(database) => {
                            sqlite::stream::next_generation(database, from, &hub).await
                        }
                        Backend::Postgres(database) => {
                            postgres::stream::next_generation(database, from, &hub).await
                        }
                    }
                }
            },
        )
        .await
    }

    /// Gives every partition a row, so that those that nobody has claimed yet are seen as well.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn enlist_partitions(
        &self,
        stream_id: StreamId,
        partitions: &BTreeSet<PartitionId>,
    ) -> Result<(), Error> {
        let ids: Vec<i64> = partitions.iter().map(|id| i64::from(id.0)).collect();
        let operation = Operation::write("enlist_partitions", format!("of stream {stream_id}"));
        self.call(operation, move |backend| {
            let ids = ids.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::lease::enlist(database, stream_id, &ids).await
                    }
                    Backend::Postgres(database) => {
                        postgres::lease::enlist(database, stream_id, &ids).await
                    }
                }
            }
        })
        .await
    }

    /// Claims the partition: a new epoch, and the checkpoint as of the same statement. `None`:
    /// another node's lease is not expired. (On SQLite the claim is granted at once: the lock on
    /// the data directory proves that nobody else lives.)
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn claim_partition(
        &self,
        stream_id: StreamId,
        partition_id: PartitionId,
        tenure: &Tenure,
    ) -> Result<Option<Claim>, Error> {
        let tenure = tenure.clone();
        self.call(
            Operation::write("claim_partition", partition_id.to_string()),
            move |backend| {
                let tenure = tenure.clone();
                async move {
                    match &*backend {
                        Backend::Sqlite(database) => {
                            sqlite::lease::claim(database, stream_id, partition_id, &tenure).await
                        }
                        Backend::Postgres(database) => {
                            postgres::lease::claim(database, stream_id, partition_id, &tenure).await
                        }
                    }
                }
            },
        )
        .await
    }

    /// Sets the first number that the stream accounts for, where none is set: the position
    /// becomes `first - 1`. The same call again is `Committed`; another `first` is `Misplaced`.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn begin_partition(
        &self,
        stream_id: StreamId,
        partition_id: PartitionId,
        epoch: Epoch,
        incarnation: Uuid,
        first: SequenceNumber,
        number_epoch: Option<i64>,
    ) -> Result<Answer, Error> {
        let held = Held {
            stream_id,
            partition_id,
            epoch,
            incarnation,
        };
        self.call(
            Operation::write("begin_partition", format!("{partition_id} at {first}")),
            move |backend| async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::lease::begin(database, held, first, number_epoch).await
                    }
                    Backend::Postgres(database) => {
                        postgres::lease::begin(database, held, first, number_epoch).await
                    }
                }
            },
        )
        .await
    }

    /// Extends the leases and stores what was observed. Returns those that are lost (another
    /// epoch or incarnation).
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn renew_leases(
        &self,
        stream_id: StreamId,
        tenure: &Tenure,
        observations: &[Observation],
    ) -> Result<Vec<PartitionId>, Error> {
        let (tenure, mut observations) = (tenure.clone(), observations.to_vec());
        // Renewals and claims lock in partition order.
        observations.sort_by_key(|observation| observation.partition_id);
        self.call(
            Operation::write("renew_leases", format!("of {}", tenure.node)),
            move |backend| {
                let (tenure, observations) = (tenure.clone(), observations.clone());
                async move {
                    match &*backend {
                        Backend::Sqlite(database) => {
                            sqlite::lease::renew(database, stream_id, &tenure, &observations).await
                        }
                        Backend::Postgres(database) => {
                            postgres::lease::renew(database, stream_id, &tenure, &observations)
                                .await
                        }
                    }
                }
            },
        )
        .await
    }

    /// Frees the partition and raises its epoch, so that a late commit cannot extend the lease.
    /// Somebody else's lease is left alone.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn release_partition(
        &self,
        stream_id: StreamId,
        partition_id: PartitionId,
        epoch: Epoch,
        incarnation: Uuid,
    ) -> Result<(), Error> {
        let held = Held {
            stream_id,
            partition_id,
            epoch,
            incarnation,
        };
        self.call(
            Operation::write("release_partition", partition_id.to_string()),
            move |backend| async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::lease::release(database, held).await,
                    Backend::Postgres(database) => postgres::lease::release(database, held).await,
                }
            },
        )
        .await
    }

    /// Stores a node's sign of life, and forgets nodes that gave none for a day.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn report_node(&self, report: &NodeReport) -> Result<(), Error> {
        let report = report.clone();
        self.call(
            Operation::write("report_node", &report.node),
            move |backend| {
                let report = report.clone();
                async move {
                    match &*backend {
                        Backend::Sqlite(database) => {
                            sqlite::lease::report_node(database, &report).await
                        }
                        Backend::Postgres(database) => {
                            postgres::lease::report_node(database, &report).await
                        }
                    }
                }
            },
        )
        .await
    }

    /// Forgets a node that stops, so that the others need not wait to miss it. One that runs under
    /// the same name by now is left alone.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn forget_node(&self, node: &str, incarnation: Uuid) -> Result<(), Error> {
        let node = node.to_owned();
        self.call(Operation::write("forget_node", &node), move |backend| {
            let node = node.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::lease::forget_node(database, &node, incarnation).await
                    }
                    Backend::Postgres(database) => {
                        postgres::lease::forget_node(database, &node, incarnation).await
                    }
                }
            }
        })
        .await
    }
}
