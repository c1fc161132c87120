//! The log: one append-only sequence of records per partition, in segment files.
//!
//! ```text
//! send ──Append──▶ writer (one per partition) ──one write, one fdatasync──▶ segment files
//!                     │                                                        │
//!                     ├─ acknowledge every send of the group                   ├─ tail cache (bytes)
//!                     └─ wake the receivers ──▶ connections fetch from ◀───────┘
//! ```
//!
//! Invariants: nothing is visible to a receiver or acknowledged to a sender before it is synced;
//! sequence numbers have no holes but where the disk lost what it had confirmed; offsets and enqueued
//! times never go back; memory is bounded by the tail cache, however long the log is.

mod cache;
pub(crate) mod partition;
pub(crate) mod position;
pub(crate) mod reader;
pub(crate) mod record;
mod recovery;
pub(crate) mod retention;
pub(crate) mod scanner;
pub(crate) mod segment;
mod writer;

pub(crate) use partition::Partition;
pub(crate) use position::{Cursor, Start};
pub(crate) use reader::Fetch;
pub(crate) use record::RecordView;
pub(crate) use writer::{Append, Appended, Writer};
