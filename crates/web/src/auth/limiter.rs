//! How often one may ask: a bucket each, of a well-kept library, that fills again steadily.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::Problem;

/// Buckets that are kept before the full ones are thrown away.
const MAX_BUCKETS: usize = 10_000;

/// Buckets by who asks.
pub(crate) struct Limiter<K: Hash + Eq + Clone> {
    buckets: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// `burst` at once, then one per `interval`.
    pub(crate) fn new(burst: NonZeroU32, interval: Duration) -> Self {
        let quota = Quota::with_period(interval).map(|quota| quota.allow_burst(burst));
        // A period of zero is the only one that makes no quota.
        let quota = quota.unwrap_or_else(|| Quota::per_second(burst));
        Self {
            buckets: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// # Errors
    /// 429 with the time to wait.
    pub(crate) fn pass(&self, who: &K) -> Result<(), Problem> {
        if self.buckets.len() > MAX_BUCKETS {
            self.buckets.retain_recent();
        }
        let passed = self.buckets.check_key(who);
        passed.map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now());
            Problem::too_many(wait)
        })
    }
}
