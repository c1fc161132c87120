//! What every database must do: the suite is written against `Store`, and a fixture per database
//! (here SQLite) opens it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may"
)]

mod commits;
mod doctor;
mod faults;
mod fixture;
mod latest;
mod leases;
mod lists;
mod migrations;
mod outbox;
mod owners;
mod properties;
mod provisioning;
