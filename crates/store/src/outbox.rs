//! The outbox: deliveries per event and sink, taken by state.

use rollcall_model::Timestamp;
use serde::Serialize;
use uuid::Uuid;

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
