//! The outbox: deliveries per event and sink, taken by state.

use rollcall_model::{OutboxEvent, OwnerId, SubOwnerId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::store::{Backend, Operation};
use crate::{Error, Store, postgres, sqlite};

/// A configured sink. Events that are made while it is registered are due at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkRegistration {
    pub name: String,
    /// The types it takes; empty: all.
    pub types: Vec<String>,
}

/// An event that is due at a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub event_id: Uuid,
    pub event_type: String,
    pub subject: String,
    /// The whole `CloudEvent`, structured.
    pub payload: String,
    pub created_at: Timestamp,
    /// Failed tries so far.
    pub attempts: u32,
}

/// How far an event has come at a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Sent,
    Parked,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    Sent,
    /// Stays pending; `not_before` tells every relay when the next try is due.
    Failed {
        error: String,
        not_before: Timestamp,
    },
    /// Given up until somebody resends it.
    Parked {
        error: String,
    },
}

impl DeliveryState {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "sent" => Some(Self::Sent),
            "parked" => Some(Self::Parked),
            _ => None,
        }
    }
}

/// An event with the row that it is about.
pub(crate) struct Announcement<'i> {
    pub(crate) owner_id: &'i OwnerId,
    pub(crate) sub_owner_id: Option<&'i SubOwnerId>,
    pub(crate) event: OutboxEvent,
}

impl<'i> Announcement<'i> {
    pub(crate) fn of_owner(owner_id: &'i OwnerId, event: OutboxEvent) -> Self {
        Self {
            owner_id,
            sub_owner_id: None,
            event,
        }
    }

    pub(crate) fn of_sub_owner(
        owner_id: &'i OwnerId,
        sub_owner_id: &'i SubOwnerId,
        event: OutboxEvent,
    ) -> Self {
        Self {
            owner_id,
            sub_owner_id: Some(sub_owner_id),
            event,
        }
    }
}

/// Why a delivery is parked whose sink went away. Such a delivery, and no other, is due again when
/// its sink is back.
pub(crate) const SINK_IS_GONE: &str = "the sink is no longer registered";

/// The columns that an outcome sets.
pub(crate) struct Settled<'o> {
    pub(crate) state: &'static str,
    pub(crate) failed_tries: i64,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) error: Option<&'o str>,
}

impl<'o> Settled<'o> {
    pub(crate) fn of(outcome: &'o DeliveryOutcome, now: Timestamp) -> Self {
        match outcome {
            DeliveryOutcome::Sent => Self {
                state: "sent",
                failed_tries: 0,
                not_before: None,
                sent_at: Some(now),
                error: None,
            },
            DeliveryOutcome::Failed { error, not_before } => Self {
                state: "pending",
                failed_tries: 1,
                not_before: Some(*not_before),
                sent_at: None,
                error: Some(error),
            },
            DeliveryOutcome::Parked { error } => Self {
                state: "parked",
                failed_tries: 1,
                not_before: None,
                sent_at: None,
                error: Some(error),
            },
        }
    }
}

impl Store {
    /// Makes the registered sinks exactly these. What was due at others is parked, and due again
    /// once its sink is registered again; events that are made while a sink is away are never due
    /// at it.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn register_sinks(&self, sinks: &[SinkRegistration]) -> Result<(), Error> {
        let sinks = sinks.to_vec();
        let operation = Operation::write("register_sinks", format!("{} of them", sinks.len()));
        self.call(operation, move |backend| {
            let sinks = sinks.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::outbox::register(database, &sinks).await,
                    Backend::Postgres(database) => {
                        postgres::outbox::register(database, &sinks).await
                    }
                }
            }
        })
        .await
    }

    /// The oldest pending delivery of each subject at the sink, if its `not_before` has passed;
    /// oldest first.
    ///
    /// # Errors
    /// As every transaction, by [`crate::Kind`].
    pub async fn due_deliveries(&self, sink: &str, limit: usize) -> Result<Vec<Delivery>, Error> {
        let sink = sink.to_owned();
        let operation = Operation::read("due_deliveries", format!("at {sink}"));
        self.call(operation, move |backend| {
            let sink = sink.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::outbox::due(database, &sink, limit).await,
                    Backend::Postgres(database) => {
                        postgres::outbox::due(database, &sink, limit).await
                    }
                }
            }
        })
        .await
    }

    /// Stores what became of deliveries. One that is no longer pending stays as it is.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn settle_deliveries(
        &self,
        sink: &str,
        outcomes: Vec<(Uuid, DeliveryOutcome)>,
    ) -> Result<(), Error> {
        let sink = sink.to_owned();
        let operation = Operation::write("settle_deliveries", format!("at {sink}"));
        self.call(operation, move |backend| {
            let (sink, outcomes) = (sink.clone(), outcomes.clone());
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::outbox::settle(database, &sink, &outcomes).await
                    }
                    Backend::Postgres(database) => {
                        postgres::outbox::settle(database, &sink, &outcomes).await
                    }
                }
            }
        })
        .await
    }
}
