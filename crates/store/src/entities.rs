//! The tables as sea-orm sees them: one file each, for reading.
//!
//! Columns hold text where a type of the model has a text form. Times are [`StoredTime`], whatever the database keeps them as.

pub mod dead_letters;
pub mod event_sinks;
pub mod gaps;
pub mod held_statuses;
pub mod latest_statuses;
pub mod nodes;
pub mod outbox_deliveries;
pub mod outbox_events;
pub mod owners;
pub mod partitions;
pub mod recalibrations;
pub mod settings_history;
pub mod state_counts;
pub mod statuses;
mod stored_time;
pub mod streams;
pub mod sub_owners;

pub use stored_time::StoredTime;
