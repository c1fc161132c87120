//! Retention: statuses older than `store.status_retention` go, in the background.
//!
//! Every node does it; the transaction is harmless when several do it at once, since a row goes
//! once, and with it the count of what was removed.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::Clock;
use tokio::runtime;

use crate::Config;
use crate::error::chain;
use crate::handle::Handle;

/// A round comes after this part of the retention …
const ROUNDS: u32 = 20;
/// … but neither more often than this …
const SHORTEST: Duration = Duration::from_secs(5);
/// … nor more seldom.
const LONGEST: Duration = Duration::from_secs(600);

/// Starts the rounds, if statuses are not kept for ever.
pub(crate) fn start(
    config: &Config,
    handle: &Handle,
    clock: &Arc<dyn Clock>,
    io: &runtime::Handle,
) {
    if let Some(retention) = config.status_retention {
        io.spawn(rounds(handle.clone(), Arc::clone(clock), retention));
    }
}

async fn rounds(handle: Handle, clock: Arc<dyn Clock>, retention: Duration) {
    let pause = (retention / ROUNDS).clamp(SHORTEST, LONGEST);
    let inner = Arc::downgrade(&handle.inner);
    let drain = handle.inner.drain.clone();
    drop(handle);
    while let Some(inner) = inner.upgrade() {
        let before = clock.now().minus(retention);
        match inner.store.expire_statuses(before).await {
            Ok(0) => {}
            Ok(removed) => {
                inner.metrics.expired.inc_by(removed);
                tracing::info!(removed, %before, "statuses enqueued before {before} were removed: {removed}");
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "expired statuses are not removed")
            }
        }
        drop(inner);
        tokio::select! {
            () = drain.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
