//! The way in: Event Hubs receivers and decoding.

pub mod client;
pub mod config;
pub mod error;

pub use config::{Config, DecodeConfig, StartPosition, Transport};
pub use error::Error;
