//! The actors between the source and the store.
//!
//! ```text
//!                 one per partition                     one per shard of the owners
//! Source ─pull─▶ PartitionReader ──── Admit slice ────▶ OwnerActor ── provision ──▶ Store
//!                 │    ▲    ◀──────── [Verdict] ───────┘     ▲
//!                 │    └── Settled ──┐                       └── CreateOwner, EnterSubOwner,
//!                 └───── Commit ────▶ StatusWriter ──▶ Store      ChangeOwner (by hand)
//!
//! LeaseKeeper: which partitions have a reader here, renewals   Supervisor: a factory per actor
//! NodeReporter: this node's row, by which others share with it
//! ChangeFeed: Store ── Refresh, Forget ──▶ OwnerActor      (changes by other nodes)
//! ```
//!
//! Sends go downstream only; answers come back as replies. Arbiters carry actors only: the Event
//! Hubs client and the database live on the I/O runtime, so that no death of an actor closes a
//! socket and no decoding stalls anyone's I/O.
//!
//! The walk of one message begins in `partition_reader.rs` and reads from top to bottom.

mod background;
mod balance;
mod blame;
mod change_feed;
mod claims;
pub mod config;
mod deadline;
mod decoded;
mod decoding;
mod directory;
pub mod error;
mod gap_stop;
pub mod handle;
mod held_settling;
mod lease_gauge;
mod lease_keeper;
mod letters;
mod metrics;
mod node_reporter;
mod owner_actor;
mod owner_registry;
mod partition_reader;
mod pattern;
mod policy;
#[doc(hidden)]
pub mod probe;
mod provisioning;
mod quotas;
mod rate;
mod reader_gauge;
mod reader_memory;
mod reader_start;
mod readers;
mod recalibrating;
pub mod replay;
mod replay_range;
mod replay_run;
mod start;
pub mod status;
mod status_retention;
mod status_writer;
mod supervisor;
mod verdict;
mod writers;

pub use claims::ClaimsConfig;
pub use config::{Config, OnGap};
pub use error::Error;
pub use handle::{Creation, Handle, NewOwner};
pub use letters::LetterOutcome;
pub use pattern::Pattern;
pub use policy::{Policy, Provisioning};
pub use replay::{ReplayPoint, ReplayProgress, ReplayRefusal, ReplayRequest, ReplayState};
pub use start::start;
pub use status::{LeaseLoss, LeaseStatus, PipelineStatus, ReaderStatus, Readiness, ShardStatus};
