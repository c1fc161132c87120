//! A simulated fleet: owners whose sub-owners push a status every interval.
//!
//! ```text
//! Plan (seeded, pure) ──Planned──▶ drive (paced) ──Group──▶ sending ──Report──▶ record (ledger, counts)
//! ```
//!
//! The same seed and settings give the same events in the same order on the same partitions, so
//! that a test can say what must be stored. `rollcall simulate` and `run --simulate` share it.

mod drive;
mod ledger;
mod malformed;
mod plan;
mod record;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use drive::Drive;
pub(crate) use ledger::Ledger;
pub(crate) use plan::{Fleet, Plan, Planned};
pub(crate) use record::{Counts, record};
