//! What every database must do: the suite is written against `Store`, and a fixture per database
//! (here SQLite) opens it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may"
)]

mod fixture;
mod leases;
