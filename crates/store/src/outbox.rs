//! The outbox: deliveries per event and sink, taken by state.

use rollcall_model::{OutboxEvent, OwnerId, SubOwnerId, Timestamp};
use schemars::JsonSchema;
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
    /// Failed tries so far, without those that reached nobody.
    pub attempts: u32,
}

/// What became of a wish to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resent {
    /// So many deliveries are due now.
    Due(u64),
    NoEvent,
    /// No sink of that name is registered.
    NoSink,
}

/// Whether a change is only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendMode {
    Resend,
    /// Counts, changes nothing.
    DryRun,
}

/// How far an event has come at a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
    /// The same, but the try reached nobody: it says nothing about the event and is not counted.
    Unreached {
        error: String,
        not_before: Timestamp,
    },
    /// Given up until somebody resends it.
    Parked {
        error: String,
    },
}

impl DeliveryState {
    /// The name in the database and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Parked => "parked",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Pending, Self::Sent, Self::Parked]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not one of pending, sent, parked"))
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
            DeliveryOutcome::Failed { error, not_before } => Self::pending(1, error, *not_before),
            DeliveryOutcome::Unreached { error, not_before } => {
                Self::pending(0, error, *not_before)
            }
            DeliveryOutcome::Parked { error } => Self {
                state: "parked",
                failed_tries: 1,
                not_before: None,
                sent_at: None,
                error: Some(error),
            },
        }
    }

    fn pending(failed_tries: i64, error: &'o str, not_before: Timestamp) -> Self {
        Self {
            state: "pending",
            failed_tries,
            not_before: Some(not_before),
            sent_at: None,
            error: Some(error),
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

    /// Leaves the sink to whichever node asks next. To be called when nothing is on its way to it
    /// any more; without it the next node waits until this one's time is over.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn release_sink(&self, sink: &str) -> Result<(), Error> {
        let sink = sink.to_owned();
        let operation = Operation::write("release_sink", sink.as_str());
        self.call(operation, move |backend| {
            let sink = sink.clone();
            async move {
                match &*backend {
                    // One process has the database, and needs to tell nobody.
                    Backend::Sqlite(_) => Ok(()),
                    Backend::Postgres(database) => postgres::outbox::release(database, &sink).await,
                }
            }
        })
        .await
    }

    /// Makes an event due again: at the sink, or at every sink that takes its type. Earlier tries
    /// are forgotten.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn resend_event(&self, event_id: Uuid, sink: Option<&str>) -> Result<Resent, Error> {
        let sink = sink.map(str::to_owned);
        let operation = Operation::write("resend_event", event_id.to_string());
        self.call(operation, move |backend| {
            let sink = sink.clone();
            async move {
                let sink = sink.as_deref();
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::resend::event(database, event_id, sink).await
                    }
                    Backend::Postgres(database) => {
                        postgres::resend::event(database, event_id, sink).await
                    }
                }
            }
        })
        .await
    }

    /// Makes what is parked at the sink, or at every sink, due again.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn resend_parked(
        &self,
        sink: Option<&str>,
        mode: ResendMode,
    ) -> Result<Resent, Error> {
        let sink = sink.map(str::to_owned);
        self.call(Operation::write("resend_parked", ""), move |backend| {
            let sink = sink.clone();
            async move {
                let sink = sink.as_deref();
                match &*backend {
                    Backend::Sqlite(database) => sqlite::resend::parked(database, sink, mode).await,
                    Backend::Postgres(database) => {
                        postgres::resend::parked(database, sink, mode).await
                    }
                }
            }
        })
        .await
    }
}
