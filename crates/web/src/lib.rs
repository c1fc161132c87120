//! The HTTP side: API, health, metrics, console.
//!
//! ```text
//! request ─▶ count (metrics) ─▶ headers ─▶ host ─▶ origin ─▶ route ─▶ auth ─▶ handler ──▶ Store     (reading)
//!                                                                         │         └─────▶ OwnerDesk (creating, changing)
//! answer  ◀───────────────────── JSON or problem+json ◀───────────────────┴─────────┘
//! ```
//!
//! - Handlers call named methods of the store and of the desk, never SQL. What changes an owner
//!   goes over the desk, so that hand and stream meet in one actor.
//! - Every error is `application/problem+json` ([`Problem`]): what the sender can mend is said in
//!   `detail`; what is inside goes to the log, once, and never into the answer.
//! - What is unknown is `null`, never 0.
//!
//! The walk of one request: `server` binds, `routes` is the table, `api/` has a file per theme;
//! `params`, `path`, `body` and `etag` read what the sender wrote, strictly and with the
//! name of what is wrong.
//!
//! The console (`console/`, Svelte) is a program of its own in the browser: to this crate it is a few
//! files that are in the binary if they were built.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may"
    )
)]

mod api;
mod audit;
pub mod auth;
mod body;
pub mod config;
mod console;
pub mod desk;
pub mod error;
mod etag;
mod host;
mod merge_patch;
pub mod metrics;
mod openapi;
mod origin;
mod params;
mod path;
mod problem;
mod routes;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod whole;

pub use api::node_settings::SettingRow;
pub use auth::secret::Secret;
pub use config::{Auth, Config, Serves};
pub use console::Console;
pub use desk::OwnerDesk;
pub use error::Error;
pub use metrics::Metrics;
pub use problem::Problem;
pub use server::{Running, Server, bind, on};
pub use state::State;
pub use tls::Tls;
