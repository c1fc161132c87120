//! Sending into a hub through the official client: `rollcall send` and the fleet share it.
//!
//! ```text
//! reader or fleet ──Group──▶ Lane (a few partitions each, one connection) ──Report──▶ tally, ledger
//! ```
//!
//! A send has a deadline, since the client's own may wait for ever. Without an answer nobody knows
//! whether the hub took a batch: what then happens is the caller's choice ([`Doubt`]). Queues are
//! bounded, so a slow hub slows the sender down and nothing piles up.

mod destination;
mod dispatcher;
mod lane;
mod lines;
mod producer;
mod standing;
#[cfg(test)]
mod tests;

pub(crate) use destination::{Destination, connect, unreachable};
pub(crate) use dispatcher::{Dispatcher, hub_answers};
pub(crate) use lane::Patience;
pub(crate) use lines::Lines;

/// An event to send; `number` is the sender's own, to recognise it in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) number: u64,
    pub(crate) body: Vec<u8>,
}

/// Events for one partition.
#[derive(Debug)]
pub(crate) struct Group {
    /// Index into [`Dispatcher::partitions`].
    pub(crate) partition: usize,
    pub(crate) events: Vec<Outgoing>,
}

/// What became of some events of one partition.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) partition: usize,
    pub(crate) events: Vec<Outgoing>,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The hub has them. `doubts` earlier tries got no answer, so it may have them more than once.
    Acknowledged { doubts: u32 },
    /// The hub does not have them: it does not want them.
    Refused(String),
    /// The hub does not have them: it took nothing until it was given up.
    Unavailable(String),
    /// Nobody knows.
    Unknown(String),
}

/// What to do about a batch without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Send it again: the hub may then have it twice.
    SendAgain,
    /// Leave it: the hub may not have it.
    Leave,
}
