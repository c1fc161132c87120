//! The change feed: what others changed, told to the owner actors that have it resident.
//!
//! It owns the place in the feed up to which this node has seen everything, and nothing else: the
//! directory is written by the owner actors alone. A wake-up makes it fast, the interval makes it
//! certain, and its place moves only once every actor has loaded what was changed. A database that
//! lost its past (it was restored, or an older copy took its place) is told by the feed as well:
//! then nothing that is resident is sure, so everything is forgotten and every partition claimed
//! anew.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use arc_swap::ArcSwapOption;
use rollcall_store::{ChangeCursor, Error, Store, Wake, Wakes};
use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::metrics::Metrics;
use crate::owner_actor::Stale;
use crate::owner_registry::OwnerRegistry;
use crate::readers::Readers;
use crate::supervisor::{Departure, Lifeline};

/// Between two looks without a wake-up: half of the two seconds that a change may take.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What every incarnation of the feed is made of.
#[derive(Clone)]
pub(crate) struct ChangeFeedParts {
    pub(crate) store: Store,
    pub(crate) registry: OwnerRegistry,
    /// Empty until the hub was reached, and on a node that reads nothing.
    pub(crate) readers: Arc<std::sync::OnceLock<Arc<Readers>>>,
    /// Outlives an incarnation, so that a successor goes on where its predecessor was.
    pub(crate) seen: Arc<ArcSwapOption<ChangeCursor>>,
    pub(crate) metrics: Metrics,
    pub(crate) drain: CancellationToken,
}

pub(crate) struct ChangeFeed {
    parts: Option<ChangeFeedParts>,
    lifeline: Lifeline,
}

impl ChangeFeed {
    pub(crate) fn new(parts: ChangeFeedParts, lifeline: Lifeline) -> Self {
        Self {
            parts: Some(parts),
            lifeline,
        }
    }
}

impl Actor for ChangeFeed {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let follow = follow(parts).into_actor(self).map(|(), actor, context| {
            actor.lifeline.depart(Departure::Done);
            context.stop();
        });
        context.spawn(follow);
    }
}

/// Looks again and again, until the node drains.
async fn follow(parts: ChangeFeedParts) {
    let mut wakes = parts.store.wakes();
    let mut failing = false;
    while !parts.drain.is_cancelled() {
        match parts.look().await {
            Ok(()) => failing = false,
            // One line per outage.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(error = %chain(&error), "changes by others are not seen just now");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = changed(&mut wakes) => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = parts.drain.cancelled() => {}
        }
    }
}

async fn changed(wakes: &mut Wakes) {
    while !matches!(wakes.next().await, Wake::Owners | Wake::Reconnected) {}
}

impl ChangeFeedParts {
    /// Everything since the last look that got through.
    async fn look(&self) -> Result<(), Error> {
        let seen = self.seen.load().as_deref().copied();
        let changes = self.store.changes_since(seen).await?;
        match seen {
            _ if changes.past_is_lost => self.begin_anew().await?,
            // What was loaded before the first look may have been changed since.
            None => self.registry.refresh(Stale::Everybody).await?,
            Some(_) if changes.owners.is_empty() => {}
            Some(_) => {
                let count = changes.owners.len() as u64;
                self.registry.refresh(Stale::Owners(changes.owners)).await?;
                self.metrics.changes_seen.inc_by(count);
            }
        }
        self.seen.store(Some(Arc::new(changes.cursor)));
        Ok(())
    }

    /// The store takes batches again once nothing is known any more from which they could be wrong.
    async fn begin_anew(&self) -> Result<(), Error> {
        self.registry.forget().await;
        self.store.begin_anew().await?;
        tracing::error!(
            "the database has lost its past (it was restored, or an older copy took its place): \
             every owner is forgotten, and every partition claimed anew"
        );
        self.metrics.pasts_lost.inc();
        if let Some(readers) = self.readers.get() {
            readers.restart_all();
        }
        Ok(())
    }
}
