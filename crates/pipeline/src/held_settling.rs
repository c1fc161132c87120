//! Held statuses go where their owner's state wants them, once somebody has decided about it.
//!
//! A decision wakes every node, and each looks by itself from time to time, so that what a node left
//! undone when it died is done by another. Of two that settle the same owner at once the second
//! waits, and finds nothing left.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::OwnerId;
use rollcall_store::{Error, Settled, Store, Wake, Wakes};
use tokio::runtime;

use crate::error::chain;
use crate::handle::Handle;

/// Between two looks without a wake-up.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Owners of one look; more of them are the next one's, which follows at once.
const OWNERS_AT_ONCE: u32 = 500;

/// Starts to settle, until the node drains.
pub(crate) fn start(handle: &Handle, io: &runtime::Handle) {
    io.spawn(rounds(handle.clone()));
}

async fn rounds(handle: Handle) {
    let inner = Arc::downgrade(&handle.inner);
    let drain = handle.inner.drain.clone();
    let mut wakes = handle.inner.store.wakes();
    drop(handle);
    let mut failing = false;
    while let Some(inner) = inner.upgrade() {
        match settle_all(&inner.store).await {
            Ok(settled) => {
                failing = false;
                if settled.total() > 0 {
                    inner.metrics.released.inc_by(settled.stored);
                    let Settled { stored, dropped } = settled;
                    tracing::info!(
                        stored,
                        dropped,
                        "held statuses are settled: {stored} stored, {dropped} dropped"
                    );
                }
            }
            // One line per outage.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(error = %chain(&error), "held statuses are not settled just now");
            }
            Err(_) => {}
        }
        drop(inner);
        tokio::select! {
            () = drain.cancelled() => return,
            () = decided(&mut wakes) => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

async fn decided(wakes: &mut Wakes) {
    while !matches!(wakes.next().await, Wake::Owners | Wake::Reconnected) {}
}

async fn settle_all(store: &Store) -> Result<Settled, Error> {
    let mut settled = Settled::default();
    loop {
        let owners = store.owners_to_settle(OWNERS_AT_ONCE).await?;
        if owners.is_empty() {
            return Ok(settled);
        }
        let before = settled.total();
        for owner_id in &owners {
            settled.add(settle(store, owner_id).await?);
        }
        // Others were quicker with all of them, or what is held of them cannot be found: not now.
        if settled.total() == before {
            return Ok(settled);
        }
    }
}

async fn settle(store: &Store, owner_id: &OwnerId) -> Result<Settled, Error> {
    let mut settled = Settled::default();
    loop {
        let chunk = store.settle_held(owner_id).await?;
        if chunk.total() == 0 {
            return Ok(settled);
        }
        settled.add(chunk);
    }
}
