//! The lease keeper: which partitions this node reads.
//!
//! It renews the leases of the readers and tells the other nodes what they see; it looks at who
//! holds what and plans ([`crate::balance`]); it starts a reader for each partition that this node
//! shall have and lets go of those that it has too many. The readers claim and release themselves.
//! It owns no position and no connection, and it reads no clock but the database's: between two
//! looks it sleeps until a foreign lease expires, at most until the next renewal; a wake-up from
//! the database only makes it look sooner.
//!
//! It never waits longer for the database than a third of the time to live. A lease that could not
//! be renewed runs out: its reader stops by itself, and it is claimed anew when that is possible.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use rand::Rng;
use rollcall_model::{PartitionId, StreamId};
use rollcall_source::Source;
use rollcall_store::{Store, Stream, Tenure, Wake, Wakes};
use tokio::time::Instant;

use crate::balance::{Balance, Terms};
use crate::deadline::within;
use crate::error::chain;
use crate::lease_gauge::LeaseGauge;
use crate::readers::Readers;
use crate::supervisor::{Departure, Lifeline};

/// Nodes that wait for the same moment do not all come at once.
const JITTER: Duration = Duration::from_millis(200);

/// What every incarnation of the keeper is made of.
#[derive(Clone)]
pub(crate) struct LeaseKeeperParts {
    pub(crate) source: Source,
    pub(crate) store: Store,
    pub(crate) readers: Arc<Readers>,
    pub(crate) stream: Arc<arc_swap::ArcSwap<Stream>>,
    /// As the hub named them when it was first reached; it may get more.
    pub(crate) partitions: Arc<BTreeSet<PartitionId>>,
    pub(crate) tenure: Tenure,
    pub(crate) renew_interval: Duration,
    pub(crate) leases: LeaseGauge,
}

pub(crate) struct LeaseKeeper {
    parts: Option<LeaseKeeperParts>,
    lifeline: Lifeline,
}

impl LeaseKeeper {
    pub(crate) fn new(parts: LeaseKeeperParts, lifeline: Lifeline) -> Self {
        Self {
            parts: Some(parts),
            lifeline,
        }
    }
}

impl Actor for LeaseKeeper {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let keep = keep(parts).into_actor(self).map(|(), actor, context| {
            actor.lifeline.depart(Departure::Done);
            context.stop();
        });
        context.spawn(keep);
    }
}

/// Renews, looks and sleeps, until the readers are drained.
async fn keep(parts: LeaseKeeperParts) {
    let mut balance = Balance::new(Terms {
        node: parts.tenure.node.clone(),
        incarnation: parts.tenure.incarnation,
        ttl: parts.tenure.ttl,
        interval: parts.renew_interval,
    });
    let mut wakes = parts.store.wakes();
    let mut next_renewal = Instant::now();
    let mut enlisted = None;
    while !parts.readers.are_drained() {
        if next_renewal <= Instant::now() {
            next_renewal = Instant::now() + parts.renew_interval;
            fail::fail_point!("lease.renew");
            parts.renew().await;
            parts.end_stalled().await;
        }
        parts.enlist(&mut enlisted).await;
        let foreseen = match parts.store.is_shared() {
            true => parts.look(&mut balance).await,
            false => parts.read_all(),
        };
        let pause = foreseen.map(|pause| pause + rand::rng().random_range(Duration::ZERO..JITTER));
        let until = pause.map_or(next_renewal, |pause| {
            next_renewal.min(Instant::now() + pause)
        });
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = parts.readers.changed() => {}
            () = lease_wake(&mut wakes) => {}
        }
    }
}

/// Resolves when partitions may have become free.
async fn lease_wake(wakes: &mut Wakes) {
    while !matches!(wakes.next().await, Wake::Leases | Wake::Reconnected) {}
}

impl LeaseKeeperParts {
    fn limit(&self) -> Duration {
        self.tenure.ttl / 3
    }

    fn stream_id(&self) -> StreamId {
        self.stream.load().stream_id
    }

    /// A hub that gets more partitions gets more readers.
    fn partitions(&self) -> BTreeSet<PartitionId> {
        let known = self.source.known_partitions();
        known
            .into_iter()
            .chain(self.partitions.iter().copied())
            .collect()
    }

    /// Makes partitions known that nobody has claimed yet, once for each stream and number of them.
    async fn enlist(&self, enlisted: &mut Option<(StreamId, usize)>) {
        let (stream_id, partitions) = (self.stream_id(), self.partitions());
        let due = Some((stream_id, partitions.len()));
        if *enlisted == due || self.readers.is_draining() {
            return;
        }
        let enlisting = self.store.enlist_partitions(stream_id, &partitions);
        match within(self.limit(), enlisting).await {
            Ok(()) => *enlisted = due,
            Err(error) => {
                tracing::debug!(error = %chain(&error), "the partitions have no rows yet");
            }
        }
    }

    /// Nobody else can use the database, so there is nobody to share with.
    fn read_all(&self) -> Option<Duration> {
        for id in self.partitions() {
            self.readers.start(id);
        }
        None
    }

    async fn renew(&self) {
        let stream_id = self.stream_id();
        self.readers.restart_those_behind(stream_id);
        let status = self.readers.status();
        let observations: Vec<_> = status
            .iter()
            .filter_map(|reader| reader.observation())
            .collect();
        // From before the question: the lease lasts at least so long.
        let asked = Instant::now();
        let renewing = self
            .store
            .renew_leases(stream_id, &self.tenure, &observations);
        match within(self.limit(), renewing).await {
            Ok(lost) => {
                self.leases.note_renewed();
                for seen in &observations {
                    if lost.contains(&seen.partition_id) {
                        self.readers.lose(seen.partition_id, seen.epoch);
                    } else {
                        self.readers
                            .note_renewed(seen.partition_id, seen.epoch, asked);
                    }
                }
            }
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "the leases are not renewed");
                self.leases.note_not_renewed(&error);
            }
        }
    }

    /// What a stopped process holds, it may hold under a lease that nobody claims from it any more.
    async fn end_stalled(&self) {
        let ending = self.store.end_stalled_sessions(&self.tenure);
        if let Err(error) = within(self.limit(), ending).await {
            tracing::debug!(error = %chain(&error), "sessions of stopped processes are not ended");
        }
    }

    /// Looks at who holds what and does this node's part. Returns when the picture will change by
    /// itself.
    async fn look(&self, balance: &mut Balance) -> Option<Duration> {
        if self.readers.is_draining() {
            return None;
        }
        let stream_id = self.stream_id();
        let survey = match within(self.limit(), self.store.survey(stream_id)).await {
            Ok(survey) => survey,
            Err(error) => {
                tracing::debug!(error = %chain(&error), "who holds which partition is not known just now");
                return None;
            }
        };
        let plan = balance.plan(&self.partitions(), &survey, &self.readers.mine());
        for id in plan.claim {
            self.readers.start(id);
        }
        for id in plan.hand_over {
            tracing::info!(partition_id = %id, "handing the partition over: other nodes have fewer");
            self.readers.hand_over(id);
        }
        for (id, epoch) in plan.release {
            self.release(stream_id, id, epoch).await;
        }
        plan.look_again_in
    }

    async fn release(
        &self,
        stream_id: StreamId,
        partition_id: PartitionId,
        epoch: rollcall_model::Epoch,
    ) {
        let incarnation = self.tenure.incarnation;
        let releasing = self
            .store
            .release_partition(stream_id, partition_id, epoch, incarnation);
        if let Err(error) = within(self.limit(), releasing).await {
            let error = chain(&error);
            tracing::warn!(%partition_id, error, "the lease is not released: it expires by itself");
        }
    }
}
