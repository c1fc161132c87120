//! The embedded hub: an Event Hubs-compatible AMQP 1.0 broker for one machine.
//!
//! For development, tests and demos. One event hub, an append-only log per partition, any consumer
//! group. The official clients work against it unchanged.
//!
//! ```text
//! listener ──socket──▶ Connection (one task per peer) ──Append──▶ Writer (one per partition)
//!                          ▲                                          │ sync, then
//!                          └──────────── mailbox, wake ◀──────────────┘
//! ```
//!
//! Invariants: an event is on disk before its send is acknowledged and before anyone receives it;
//! sequence numbers begin at 0 and have no holes but where the disk lost what it had confirmed; what a
//! peer costs in memory is bounded; no peer can make the hub panic or block another.

#![cfg_attr(
    test,
    allow(
        clippy::let_underscore_must_use,
        reason = "tests end sockets as they like"
    )
)]

mod address;
mod broker;
mod cbs;
mod config;
mod connection;
mod dump;
mod epoch;
mod error;
mod filter;
#[doc(hidden)]
pub mod fuzzing;
mod hub;
mod link;
mod listener;
mod log;
mod mailbox;
mod management;
mod manifest;
mod message;
mod request;
mod sas;
mod session;
mod wire;

pub use config::{Config, DEVELOPMENT_CONNECTION_STRING};
pub use dump::{DumpedEvent, dump};
pub use error::Error;
pub use hub::{Hub, HubStatus, PartitionStatus};
