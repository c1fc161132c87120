//! The outbox relay and its sinks: what the store announced leaves the house here.
//!
//! ```text
//!            ┌ one per sink, supervised ────────────────────────────────┐
//! Store ── due deliveries ──▶ SinkTask ── Delivery ──▶ Sink (log, webhook, Service Bus,
//!   ▲                            │  ▲                     │  Event Hubs, Redis)
//!   └───── settled outcomes ─────┘  └──── SinkError ──────┘
//! ```
//!
//! - Deliveries are taken by their state, never by a last id seen: ids are given before commit.
//! - At least once: what was sent but not settled is sent again under the same id (I8).
//! - In order per subject: the next delivery of a subject is due when the one before is settled. A
//!   failed one waits by itself, in the database, and holds up only its own subject.
//! - A sink has a task of its own: one that is slow or dead delays no other.
//! - A panic in a send counts as a failed try; a panic anywhere else ends the task, which is then
//!   replaced after a back-off. Either way nothing is lost: the rows are still due.
//!
//! - A delivery that failed too often is *parked*: the next one of its subject passes, and it waits
//!   until somebody resends it. Tries that reach nobody are not counted, so a receiver may be down
//!   for any time.
//!
//! How deliveries come into being is the store's part (`provision`, `change_owner`), and so is which
//! node sends to a sink.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may"
    )
)]

mod amqp_thread;
pub mod azure;
pub mod backoff;
mod cloud_event;
pub mod config;
pub mod error;
pub mod event_hubs;
mod flight;
pub mod log;
mod metrics;
mod outbox_watch;
pub mod redis_stream;
pub mod relay;
pub mod service_bus;
pub mod sink;
mod sink_task;
pub mod status;
mod supervisor;
#[cfg(test)]
mod tests;
pub mod webhook;

pub use azure::Access;
pub use config::{Config, SinkConfig, SinkKind};
pub use error::Error;
pub use relay::{Relay, WakeHandle, start};
pub use sink::{Sink, SinkError};
pub use status::{RelayStatus, SinkStatus};
