//! Beside the sinks' tasks: hands the store's signals to them, shows how the outbox stands, and has
//! retention remove what was delivered long ago.
//!
//! Nothing depends on it: without a signal a sink looks by itself, and every node with the role may
//! remove at the same time.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::Clock;
use rollcall_store::{Store, Wake};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::WakeHandle;
use crate::metrics::Metrics;
use crate::sink_task::chain;

/// How old the figures may be.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A round of retention comes after this part of it …
const ROUNDS: u32 = 20;
/// … but neither more often than this …
const SHORTEST: Duration = Duration::from_secs(5);
/// … nor more seldom.
const LONGEST: Duration = Duration::from_secs(600);

/// Wakes the sinks until the relay stops.
pub(crate) async fn pass_on(store: Store, sinks: WakeHandle, mut stop: watch::Receiver<bool>) {
    let mut wakes = store.wakes();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            wake = wakes.next() => if matches!(wake, Wake::Outbox | Wake::Reconnected) {
                sinks.wake();
            },
        }
    }
}

/// Keeps the figures of the outbox until the relay stops.
pub(crate) async fn show(
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        match store.outbox_standing().await {
            Ok(sinks) => sinks
                .iter()
                .for_each(|sink| metrics.outbox(sink, clock.now())),
            Err(error) => tracing::debug!(error = %chain(&error), "the outbox cannot be counted"),
        }
    }
}

/// Removes delivered events once they are as old as `retention`, until the relay stops.
pub(crate) async fn expire(
    store: Store,
    clock: Arc<dyn Clock>,
    (metrics, retention): (Metrics, Duration),
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval((retention / ROUNDS).clamp(SHORTEST, LONGEST));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        let before = clock.now().minus(retention);
        match store.expire_events(before).await {
            Ok(0) => {}
            Ok(removed) => {
                metrics.removed.inc_by(removed);
                tracing::info!(removed, %before, "delivered events made before {before} were removed: {removed}");
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "delivered events are not removed");
            }
        }
    }
}
