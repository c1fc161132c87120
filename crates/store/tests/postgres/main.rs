//! What only PostgreSQL does: sessions that are fenced, days that are made and dropped, commits
//! that are decided by the guard. What every database does is in the conformance suite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may"
)]

mod commits;
mod days;
mod fencing;
mod fixture;
mod live;
mod newcomers;
mod outbox;
mod past;
mod proxies;
mod search;
mod state_counts;
