//! Beside the sinks' tasks: hands the store's signals to them, shows how the outbox stands, and has
//! retention remove what was delivered long ago.
//!
//! Nothing depends on it: without a signal a sink looks by itself, and every node with the role may
//! remove at the same time.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::Clock;
use rollcall_store::{SinkStanding, Store, Wake};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::WakeHandle;
use crate::metrics::Metrics;
use crate::sink_task::chain;
use crate::status::StatusCell;

/// How old the figures may be.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What a sink shows whose registration another node took away.
const UNREGISTERED: &str = "another node has registered other sinks, so nothing is due at this one; \
     give all nodes with the role relay the same events.sinks and start them again";
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

/// Keeps the figures of the outbox, and says where this node's sinks are no longer registered, until
/// the relay stops.
pub(crate) async fn show(
    store: Store,
    clock: Arc<dyn Clock>,
    (metrics, cells): (Metrics, Vec<StatusCell>),
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
            Ok(sinks) => {
                for sink in &sinks {
                    metrics.outbox(sink, clock.now());
                }
                for cell in &cells {
                    mark_registration(cell, &sinks);
                }
            }
            Err(error) => tracing::debug!(error = %chain(&error), "the outbox cannot be counted"),
        }
    }
}

/// Registering replaces what was registered, which is right when the sinks are changed and wrong
/// while two nodes with different sinks both live.
fn mark_registration(cell: &StatusCell, sinks: &[SinkStanding]) {
    let status = cell.read();
    let is_this = |sink: &SinkStanding| sink.registered && sink.sink == status.name;
    let is_registered = sinks.iter().any(is_this);
    let is_marked = status.fault.as_deref() == Some(UNREGISTERED);
    if !is_registered && !is_marked {
        tracing::warn!(sink = status.name, "sink {}: {UNREGISTERED}", status.name);
        cell.change(|status| status.fault = Some(UNREGISTERED.to_owned()));
    } else if is_registered && is_marked {
        cell.change(|status| status.fault = None);
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
