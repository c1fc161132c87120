//! The two ends of links: what peers send to us, what we send to peers.

mod incoming;
mod outgoing;

pub(crate) use incoming::{Arrival, Delivery, Incoming, Purpose};
pub(crate) use outgoing::{Feed, Outgoing, Remainder, Source};

/// The largest message, in bytes.
pub(crate) const MAX_MESSAGE_SIZE: u64 = 1_048_576;
