//! Settlements that are said more than once.
//!
//! A sender in fe2o3-amqp before 0.18.2 hangs for ever when the peer settles before it has recorded
//! its delivery. So such a peer hears the outcome unsettled at once and twice again, and is settled
//! a second later; by then it has recorded whatever it sent.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::mailbox::LinkKey;

/// When a delivery is spoken of again, after the first time; the last one settles it.
const AFTER: [Duration; 3] = [
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_millis(1_000),
];

/// One delivery's next repeat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeat {
    pub(super) link: LinkKey,
    pub(super) delivery_id: u32,
    first: Instant,
    step: usize,
}

impl Repeat {
    /// Whether this is the last one.
    pub(super) fn settles(&self) -> bool {
        self.step + 1 == AFTER.len()
    }

    fn due(&self) -> Instant {
        self.first + AFTER[self.step]
    }
}

/// The repeats to come: one queue per step, each in order of time.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    steps: [VecDeque<Repeat>; AFTER.len()],
}

impl Repeats {
    pub(super) fn add(&mut self, link: LinkKey, delivery_id: u32) {
        self.steps[0].push_back(Repeat {
            link,
            delivery_id,
            first: Instant::now(),
            step: 0,
        });
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let heads = self.steps.iter().filter_map(VecDeque::front);
        heads.map(Repeat::due).min()
    }

    /// The next repeat that is due; its successor is queued.
    pub(super) fn take(&mut self, now: Instant) -> Option<Repeat> {
        let is_due = |queue: &VecDeque<Repeat>| queue.front().is_some_and(|head| head.due() <= now);
        let step = self.steps.iter().position(is_due)?;
        let repeat = self.steps[step].pop_front()?;
        if let Some(queue) = self.steps.get_mut(step + 1) {
            queue.push_back(Repeat {
                step: step + 1,
                ..repeat
            });
        }
        Some(repeat)
    }
}
