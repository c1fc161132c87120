//! The outbox relay and its sinks: what the store announced leaves the house here.
//!
//! ```text
//!            ┌ one per sink, supervised ────────────────────────────────┐
//! Store ── due deliveries ──▶ SinkTask ── Delivery ──▶ Sink (log, webhook)
//!   ▲                            │  ▲                     │
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
//! How deliveries come into being is the store's part (`provision`, `change_owner`); attempts are
//! not capped here.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may"
    )
)]

pub mod backoff;
pub mod config;
pub mod error;
mod flight;
pub mod log;
mod metrics;
pub mod relay;
pub mod sink;
mod sink_task;
pub mod status;
mod supervisor;
#[cfg(test)]
mod tests;
pub mod webhook;

pub use config::{Config, SinkConfig, SinkKind};
pub use error::Error;
pub use relay::{Relay, WakeHandle, start};
pub use sink::{Sink, SinkError};
pub use status::{RelayStatus, SinkStatus};
