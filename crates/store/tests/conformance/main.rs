//! What every database must do: the suite is written against `Store`, and every test in it runs on
//! SQLite and on PostgreSQL (`on_both!`). What is one database's own stands apart and says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may"
)]

#[macro_use]
mod fixture;

mod access;
mod changes;
mod commits;
mod dead_letters;
mod doctor;
mod faults;
mod held;
mod latest;
mod leases;
mod lists;
mod live;
mod migrations;
mod outbox;
mod owners;
mod properties;
mod provisioning;
mod recalibrations;
mod replays;
mod resends;
mod retention;
