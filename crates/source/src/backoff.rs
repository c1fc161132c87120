//! Pauses between tries: they double from 100 ms to 15 s, each with jitter, and begin anew after a
//! success.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(15);

pub(crate) struct Backoff {
    delays: ExponentialBackoff,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        let delays = ExponentialBuilder::default()
            .with_min_delay(SHORTEST)
            .with_max_delay(LONGEST)
            .with_jitter()
            .without_max_times()
            .build();
        Self { delays }
    }

    pub(crate) fn next_delay(&mut self) -> Duration {
        self.delays.next().unwrap_or(LONGEST)
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }
}
