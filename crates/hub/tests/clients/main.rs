//! The hub against real clients, and against peers that mean it no good.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by failing"
)]

mod damage;
mod durability;
mod fixture;
mod foreign;
mod hostile;
mod properties;
mod receiving;
mod sending;
mod tokens;
