//! Watches over the task of one sink: a task that panics is seen, backed off and replaced.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff;
use crate::flight::panic_text;
use crate::sink_task::{SinkParts, SinkTask};

/// A task that lived this long starts its successor's back-off anew.
const STEADY: Duration = Duration::from_secs(60);

/// Runs tasks one after the other until one of them ends by itself, which means it has drained.
/// What a dead task had in flight is cancelled with it; its deliveries are still due.
pub(crate) async fn supervise(
    parts: SinkParts,
    mut random: StdRng,
    mut stop: watch::Receiver<bool>,
) {
    let mut deaths = 0_u32;
    loop {
        let begun = Instant::now();
        let task = SinkTask::new(parts.clone(), StdRng::from_rng(&mut random));
        let Err(panic) = AssertUnwindSafe(task.run(stop.clone()))
            .catch_unwind()
            .await
        else {
            return;
        };
        deaths = if begun.elapsed() < STEADY {
            deaths.saturating_add(1)
        } else {
            1
        };
        report(&parts, &panic_text(&*panic));
        if !rest(deaths, &mut random, &mut stop).await {
            return;
        }
    }
}

fn report(parts: &SinkParts, panic: &str) {
    parts.metrics.restarts.inc();
    parts.metrics.in_flight.set(0);
    parts.status.change(|status| {
        status.restarts += 1;
        status.in_flight = 0;
    });
    let name = &parts.name;
    tracing::error!(sink = %name, panic, "the task of sink {name} died and is replaced: {panic}");
}

/// Whether to go on: not if the relay stops meanwhile.
async fn rest(deaths: u32, random: &mut impl Rng, stop: &mut watch::Receiver<bool>) -> bool {
    let stopped = stop.wait_for(|stop| *stop);
    tokio::time::timeout(backoff::delay(deaths, random), stopped)
        .await
        .is_err()
}
