//! The sink `event_hubs`: one event per announcement, sent by the official producer in batches.
//!
//! The events of an owner and of its sub-owners go to one partition, by a stable hash of the owner's
//! id, so that readers see them in order as long as the number of partitions stays the same. The body
//! is the whole `CloudEvent` (`application/cloudevents+json`), the message id the event's, and the
//! application properties `cloudEvents_id`, `_type` and `_subject` stand beside it. Event Hubs
//! does not look for duplicates: a repeat is a second event with the same id.
//!
//! What gathers while the last batches are on their way goes with the next ones (`lane.rs`); a client
//! that failed, came late or was idle for long is replaced (`hub.rs`).

mod hub;
mod lane;
mod sink;

pub use sink::EventHubsSink;

use crate::azure::Access;

/// Which event hub.
#[derive(Clone)]
pub struct Config {
    pub access: Access,
    /// Where to connect instead of the namespace: `amqp://…` or `amqps://…`.
    pub custom_endpoint: Option<String>,
    pub event_hub: String,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("access", &self.access)
            .field(
                "custom_endpoint",
                &self.custom_endpoint.as_ref().map(|_| "[redacted]"),
            )
            .field("event_hub", &self.event_hub)
            .finish()
    }
}
