//! A rate over the last few seconds, from a counter that only grows.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Long enough to be steady, short enough to be news.
const SPAN: Duration = Duration::from_secs(5);
/// How often the counter is looked at.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// The counter at each sample of the last few seconds.
#[derive(Debug, Default)]
pub(crate) struct Rate(Mutex<VecDeque<(Instant, u64)>>);

impl Rate {
    /// Notes the counter's present value; to be called every [`SAMPLE_INTERVAL`].
    pub(crate) fn sample(&self, count: u64) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        samples.push_back((now, count));
        while samples.get(1).is_some_and(|(at, _)| now - *at >= SPAN) {
            samples.pop_front();
        }
    }

    /// How much the counter grew per second; `None` until it was looked at twice.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ((since, before), (until, after)) = (samples.front()?, samples.back()?);
        let seconds = (*until - *since).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let grown = after.saturating_sub(*before) as f64;
        (seconds > 0.0).then(|| grown / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_last_seconds() {
        let rate = Rate::default();
        rate.sample(0);
        assert_eq!(rate.per_second(), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        rate.sample(100);
        assert_eq!(rate.per_second(), Some(100.0));
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            rate.sample(100);
        }
        assert_eq!(rate.per_second(), Some(0.0));
    }
}
