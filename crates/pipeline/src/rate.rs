//! A rate over the last few seconds, from a counter that only grows.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Long enough to be steady, short enough to be news.
const SPAN: Duration = Duration::from_secs(5);

/// Samples of the counter, at most one per tenth of the span.
#[derive(Debug, Default)]
pub(crate) struct Rate(Mutex<VecDeque<(Instant, u64)>>);

impl Rate {
    /// Notes the counter's present value and returns how much it grew per second; `None` until it
    /// was looked at twice.
    pub(crate) fn sample(&self, count: u64) -> Option<f64> {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if samples.back().is_none_or(|(at, _)| now - *at >= SPAN / 10) {
            samples.push_back((now, count));
        }
        while samples.get(1).is_some_and(|(at, _)| now - *at >= SPAN) {
            samples.pop_front();
        }
        let (since, before) = samples.front()?;
        let seconds = (now - *since).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let grown = count.saturating_sub(*before) as f64;
        (seconds > 0.0).then(|| grown / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_last_seconds() {
        let rate = Rate::default();
        assert_eq!(rate.sample(0), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(rate.sample(100), Some(100.0));
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            rate.sample(100);
        }
        assert_eq!(rate.sample(100), Some(0.0));
    }
}
