//! The program as its users have it: real processes of `rollcall`, a real hub, a real database,
//! and everything that may happen to them.
//!
//! What must hold is in `crates/README.md` and in the table of `harness/ledger.rs`. The truth is
//! the hub's log, read with `rollcall_hub::dump`; the tables are read with plain SQL, so that a
//! defect of the store cannot hide itself. Seeds are printed when a test fails and are given by
//! `ROLLCALL_TEST_SEED`. How to run one theme is in `tests/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what is wrong by failing"
)]

mod access;
mod announcements;
mod approval;
mod azure;
mod blocked;
mod calibration;
mod changes;
mod claims;
mod damaged;
mod denied;
mod described;
mod drain;
mod faults;
mod generations;
mod harness;
mod kills;
mod leases;
mod letters;
mod live;
mod malformed;
mod newcomers;
mod outage;
mod panics;
mod poison;
mod quotas;
mod race;
mod recalibrations;
mod refusals;
mod replays;
mod residency;
mod sending;
mod storm;
mod under_fire;
mod webhook;
