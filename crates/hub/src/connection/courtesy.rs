//! Detaches that are answered a little later.
//!
//! A client on fe2o3-amqp before 0.18.2 that drops a link sends detach, then end, and forgets the
//! link at once. An answer to the detach then fails its session, and the answer to the end, when it
//! finds no session, its whole connection. So such a peer's detach is answered only after
//! [`PATIENCE`]; if the session ends meanwhile, the end alone is answered, which the protocol
//! allows: ending a session detaches its links.

use std::collections::VecDeque;
use std::time::Duration;

use fe2o3_amqp_types::performatives::Detach;
use tokio::time::Instant;

/// Long enough for an end that is on its way, short enough for one who waits for the answer.
const PATIENCE: Duration = Duration::from_millis(20);

/// An answer that is held back.
struct Held {
    due: Instant,
    channel: u16,
    detach: Detach,
}

/// The answers of a connection that are held back, in order of time.
#[derive(Default)]
pub(super) struct Courtesies {
    held: VecDeque<Held>,
}

impl Courtesies {
    pub(super) fn hold(&mut self, channel: u16, detach: Detach) {
        let due = Instant::now() + PATIENCE;
        self.held.push_back(Held {
            due,
            channel,
            detach,
        });
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.held.front().map(|held| held.due)
    }

    /// The next answer that is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<(u16, Detach)> {
        self.held.front().filter(|held| held.due <= now)?;
        let held = self.held.pop_front()?;
        Some((held.channel, held.detach))
    }

    /// The answer for a handle that is about to be attached again.
    pub(super) fn take_for(&mut self, channel: u16, handle: u32) -> Option<Detach> {
        let is_for = |held: &Held| held.channel == channel && held.detach.handle.0 == handle;
        let at = self.held.iter().position(is_for)?;
        self.held.remove(at).map(|held| held.detach)
    }

    /// The session has ended.
    pub(super) fn forget(&mut self, channel: u16) {
        self.held.retain(|held| held.channel != channel);
    }
}
