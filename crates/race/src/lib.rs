//! The ways in which people enter newcomers, run against each other.
//!
//! ```text
//!            one stream, by a seed
//!                    │
//! hub ─▶ Feed ─▶ consumer ──way──▶ database, Redis        Topic: records every announcement
//!        (the official  │                                   ▲              ▲
//!         client)       └── Fate: dead before some step     │              │
//!                           of some newcomer          announce, relay      │
//! hub ─▶ rollcall run, killed with SIGKILL ─▶ database ─▶ its webhook sink ┘
//! ```
//!
//! Every way really runs, at the same moment in several consumers, each with its own partitions,
//! connections and memory. Nothing is told to fail: what is lost or there twice comes of how the
//! consumers interleave, and of each one's death at a step that the seed chooses. The ways are in
//! `ways`, one small file each; [`Kind`] names them all. What they leave behind is counted from their
//! tables and from what the topic received.
//!
//! Used by `rollcall demo race`, which shows the counts, and by the bench, which measures what the
//! same ways cost.

mod consumer;
mod den;
mod fate;
mod feed;
mod hands;
mod kind;
mod newcomers;
mod place;
mod progress;
mod race;
mod relay;
mod report;
mod rollcall;
mod servers;
mod session;
mod tally;
mod topic;
mod two_hundred_lines;
mod ways;

pub use consumer::Assignment;
pub use kind::Kind;
pub use newcomers::Plan;
pub use place::Place;
pub use progress::{Handled, Progress};
pub use race::{Config, Race, deal};
pub use report::{LeftOut, Report};
pub use servers::{DatabaseChoice, RedisChoice};
pub use tally::Outcome;
pub use topic::Publisher;
pub use two_hundred_lines::Job;
