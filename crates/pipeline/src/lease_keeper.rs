//! The lease keeper: which partitions this node reads.
//!
//! In its present form it reads them all: it starts a reader for every partition of the hub, renews
//! the leases, tells the other nodes what it sees, and makes a reader begin afresh whose lease is
//! lost or whose stream has become a former generation. It owns no position and no connection.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use rollcall_model::PartitionId;
use rollcall_source::Source;
use rollcall_store::{NodeReport, Store, Stream, Tenure};

use crate::error::chain;
use crate::owner_registry::OwnerRegistry;
use crate::readers::Readers;
use crate::supervisor::{Departure, Lifeline};

/// What every incarnation of the keeper is made of.
#[derive(Clone)]
pub(crate) struct LeaseKeeperParts {
    pub(crate) source: Source,
    pub(crate) store: Store,
    pub(crate) readers: Arc<Readers>,
    pub(crate) registry: OwnerRegistry,
    pub(crate) stream: Arc<arc_swap::ArcSwap<Stream>>,
    pub(crate) tenure: Tenure,
    pub(crate) renew_interval: Duration,
    /// Everything but the shards, which are looked up at each report.
    pub(crate) report: NodeReport,
}

pub(crate) struct LeaseKeeper {
    parts: LeaseKeeperParts,
    /// A round is under way; the next one waits for its turn.
    renewing: bool,
    lifeline: Lifeline,
}

impl LeaseKeeper {
    pub(crate) fn new(parts: LeaseKeeperParts, lifeline: Lifeline) -> Self {
        Self {
            parts,
            renewing: false,
            lifeline,
        }
    }

    fn renew(&mut self, context: &mut Context<Self>) {
        if self.parts.readers.are_drained() {
            self.lifeline.depart(Departure::Done);
            return context.stop();
        }
        if self.renewing {
            return;
        }
        fail::fail_point!("lease.renew");
        self.renewing = true;
        let round = round(self.parts.clone()).into_actor(self);
        context.spawn(round.map(|(), actor, _| actor.renewing = false));
    }
}

impl Actor for LeaseKeeper {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.renew(context);
        context.run_interval(self.parts.renew_interval, Self::renew);
    }
}

async fn round(parts: LeaseKeeperParts) {
    // A hub that gets more partitions gets more readers.
    parts
        .source
        .known_partitions()
        .into_iter()
        .for_each(|id| parts.readers.start(id));
    let stream_id = parts.stream.load().stream_id;
    parts.readers.restart_those_behind(stream_id);
    let status = parts.readers.status();
    let observations: Vec<_> = status
        .iter()
        .filter_map(|reader| reader.observation())
        .collect();
    match parts
        .store
        .renew_leases(stream_id, &parts.tenure, &observations)
        .await
    {
        Ok(lost) => lost
            .into_iter()
            .for_each(|partition_id| give_back(&parts, partition_id)),
        Err(error) => tracing::warn!(error = %chain(&error), "the leases are not renewed"),
    }
    let shards = serde_json::to_value(parts.registry.status()).unwrap_or_default();
    let report = NodeReport {
        shards,
        ..parts.report.clone()
    };
    if let Err(error) = parts.store.report_node(&report).await {
        tracing::debug!(error = %chain(&error), "the node's sign of life is not stored");
    }
}

fn give_back(parts: &LeaseKeeperParts, partition_id: PartitionId) {
    tracing::warn!(%partition_id, "the lease is lost: claiming the partition anew");
    parts.readers.restart(partition_id);
}
