//! The actors between the source and the store.

pub mod config;
pub mod error;
pub mod handle;
pub mod status;

pub use config::Config;
pub use error::Error;
pub use handle::{Creation, Handle, NewOwner, start};
pub use status::{PipelineStatus, ReaderStatus, Readiness, ShardStatus};
