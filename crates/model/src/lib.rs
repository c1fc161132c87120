//! The domain's words and pure rules.
//!
//! Nothing here performs I/O, reads a clock or holds state: every other crate depends on this one
//! and this one depends on none of them. The rules that the invariants rest on are types with a
//! truth table in their documentation: [`position::judge`] (which batch may be stored),
//! [`shard::shard_of`] (which actor owns an owner), [`calibration`] (how a value is made).

pub mod calibration;
pub mod clock;
pub mod event;
pub mod fate;
pub mod id;
pub mod json_pointer;
pub mod owner;
pub mod position;
pub mod shard;
pub mod status;
pub mod timestamp;

pub use calibration::{Absence, Calibrated, Calibration, CalibrationOverride, Settings};
pub use clock::{Clock, SystemClock};
pub use event::{EventSource, EventType, OutboxEvent};
pub use fate::{DeadLetter, DeadReason, DropReason, Drops};
pub use id::{IdError, OwnerId, SubOwnerId};
pub use json_pointer::JsonPointer;
pub use owner::{CreatedBy, Owner, OwnerState, SubOwner, SubOwnerState};
pub use position::{Epoch, PartitionId, SequenceNumber, Span, StreamId, Verdict, judge};
pub use shard::shard_of;
pub use status::{Status, StatusMessage};
pub use timestamp::{Timestamp, TimestampError};
