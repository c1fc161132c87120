//! A node of Rollcall: what `rollcall run` builds, in order, and takes down in reverse.
//!
//! ```text
//! data directory + lock ─▶ store ─▶ embedded hub ─▶ relay ─▶ pipeline ─▶ web ─▶ fleet, live line
//! ```
//!
//! The Event Hubs client and the database live on a multi-threaded runtime; the main thread carries
//! the actix system. Each step fails with one sentence and a mend ([`failures`]), never with a
//! backtrace.

pub(crate) mod data_dir;
pub(crate) mod failures;
mod fleet;
mod live_line;
mod running;
mod start;

pub(crate) use running::Ended;
pub(crate) use start::{Steps, start};
