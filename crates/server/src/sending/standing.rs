//! Whether the destination takes events, as all lanes together see it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Shared by the lanes of one sender. Tells once when the destination stops taking events and once
/// when it takes them again.
#[derive(Debug)]
pub(super) struct Standing {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Partitions whose last try did not get through.
    failing: BTreeSet<usize>,
    /// Since when nothing was taken although something was tried.
    idle_since: Option<Instant>,
    gave_up: bool,
}

impl Standing {
    pub(super) fn new() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
        }
    }

    /// The destination took events of this partition.
    pub(super) fn took(&self, partition: usize) {
        self.state.send_if_modified(|state| {
            state.idle_since = None;
            if state.failing.remove(&partition) && state.failing.is_empty() {
                tracing::warn!("the hub takes events again");
            }
            false
        });
    }

    pub(super) fn failed(&self, partition: usize, reason: &str) {
        self.state.send_if_modified(|state| {
            state.idle_since.get_or_insert_with(Instant::now);
            if state.failing.is_empty() {
                tracing::warn!(
                    partition,
                    "the hub takes no events of partition {partition}: {reason}"
                );
            }
            state.failing.insert(partition);
            false
        });
    }

    /// Gives the destination up, for good, once it took nothing for so long.
    pub(super) fn is_over(&self, give_up_after: Option<Duration>) -> bool {
        let Some(limit) = give_up_after else {
            return false;
        };
        self.state.send_if_modified(|state| {
            let idle = state.idle_since.map(|since| since.elapsed());
            let over = !state.gave_up && idle.is_some_and(|idle| idle >= limit);
            state.gave_up |= over;
            over
        });
        self.has_given_up()
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.state.borrow().gave_up
    }

    /// Resolves when the destination is given up.
    pub(super) async fn gave_up(&self) {
        let mut seen = self.state.subscribe();
        // The sender lives as long as we do, so that waiting cannot fail.
        drop(seen.wait_for(|state| state.gave_up).await);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(3_600));
    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

    #[test]
    fn it_is_given_up_when_no_partition_got_through_for_so_long_and_for_good() {
        let standing = Standing::new();
        assert!(!standing.is_over(AT_ONCE));
        standing.failed(0, "no answer");
        assert!(!standing.is_over(LONG));
        standing.took(1);
        assert!(!standing.is_over(AT_ONCE));
        standing.failed(0, "no answer");
        assert!(!standing.is_over(None));
        assert!(standing.gave_up().now_or_never().is_none());
        assert!(standing.is_over(AT_ONCE));
        standing.took(0);
        assert!(standing.has_given_up());
        assert!(standing.gave_up().now_or_never().is_some());
    }
}
