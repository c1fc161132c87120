//! The way in: Event Hubs receivers and decoding.
//!
//! ```text
//! Source ── read(opening, after) ──▶ PartitionStream ── pull ──▶ [Chunk] ── decode ──▶ StatusMessage
//!   │                                      ▲                                        or Undecodable
//!   └─ Connections ─▶ Receiver (a task per partition on the I/O runtime) ─┘
//! ```
//!
//! The official client does the talking; what it does not promise is done here: a receiver opens
//! right behind the last number after every error, repeats are passed over, jumps are looked into,
//! a silent partition is noticed, every request has a deadline. The position itself lives in the
//! store, not here.

mod backoff;
pub mod chunk;
pub mod client;
pub mod condition;
pub mod config;
mod connections;
mod credit;
pub mod decode;
pub mod error;
mod metrics;
mod observer;
mod reason;
mod receiver;
mod room;
mod source;

pub use chunk::{BodyKind, Chunk, RawEvent};
pub use condition::{Condition, Fault};
pub use config::{Access, Config, DecodeConfig, StartPosition, Transport};
pub use decode::{Undecodable, decode};
pub use error::Error;
pub use observer::{HubDescription, PartitionDescription, timestamp};
pub use reason::reason;
pub use source::{Ended, Opening, PartitionStream, PullLimits, Source};
