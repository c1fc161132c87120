//! How we sign in to Azure: one chain of credentials for the source and for the sinks.
//!
//! ```text
//! Config (step, variables) ──▶ Chain ── get_token ──▶ client secret → client certificate
//!                                                     → workload identity → managed identity
//!                                                     → developer tools
//! ```
//!
//! The crate of the official credentials has no such chain for Rust, and its certificate needs
//! OpenSSL; both are made up for here. Variables are read where all settings are read, and handed
//! in; only a managed identity's own surroundings (`IDENTITY_ENDPOINT` and its like) are read by the
//! official crate itself. What a token is for, and how it is shown to a hub, is the clients' part.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may"
    )
)]

mod certificate;
mod chain;
pub mod config;
mod step;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rollcall_model::SystemClock;

pub use azure_core::credentials::TokenCredential;
pub use config::{Config, Step, Variables};

/// The scope of tokens for Event Hubs.
pub const EVENT_HUBS_SCOPE: &str = "https://eventhubs.azure.net/.default";
/// The scope of tokens for Service Bus.
pub const SERVICE_BUS_SCOPE: &str = "https://servicebus.azure.net/.default";

/// The credential of these settings. Nothing is asked before its first token is wanted; then it
/// says in the log which step gave it. Clones of the `Arc` share the tokens, so make one and keep
/// it.
#[must_use]
pub fn credential(config: Config) -> Arc<dyn TokenCredential> {
    let maker = step::Maker {
        variables: config.variables,
        clock: Arc::new(SystemClock),
        transport: None,
    };
    Arc::new(chain::Chain::new(config.step, maker))
}
