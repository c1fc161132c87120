//! The node's sign of life: its row in `nodes`, renewed for as long as the node runs.
//!
//! Others give it a share of the partitions by this row, so it names the role `ingest` only once
//! the hub was reached: a node that cannot read has no share. At a clean stop the row is taken away
//! first, so that the others take up at once what the readers release.

use std::time::Duration;

use rollcall_store::{NodeReport, Store};
use tokio_util::sync::CancellationToken;

use crate::balance::INGEST;
use crate::deadline::within;
use crate::error::chain;
use crate::lease_gauge::LeaseGauge;
use crate::owner_registry::OwnerRegistry;

pub(crate) struct NodeReporter {
    pub(crate) store: Store,
    pub(crate) registry: OwnerRegistry,
    pub(crate) leases: LeaseGauge,
    /// Everything but shards and leases, which are looked up at each report.
    pub(crate) report: NodeReport,
    pub(crate) interval: Duration,
    pub(crate) drain: CancellationToken,
}

impl NodeReporter {
    pub(crate) async fn run(self) {
        let mut able = self.leases.able();
        while !self.drain.is_cancelled() {
            let reads = *able.borrow_and_update();
            self.report(reads).await;
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                Ok(()) = able.changed() => {}
                () = self.drain.cancelled() => {}
            }
        }
        self.forget().await;
    }

    async fn report(&self, reads: bool) {
        let roles = self.report.roles.iter();
        let report = NodeReport {
            shards: serde_json::to_value(self.registry.status()).unwrap_or_default(),
            leases: serde_json::to_value(self.leases.status()).unwrap_or_default(),
            roles: roles
                .filter(|role| reads || *role != INGEST)
                .cloned()
                .collect(),
            ..self.report.clone()
        };
        if let Err(error) = within(self.interval, self.store.report_node(&report)).await {
            tracing::debug!(error = %chain(&error), "the node's sign of life is not stored");
        }
    }

    async fn forget(&self) {
        let (node, incarnation) = (&self.report.node, self.report.incarnation);
        let forgotten = within(self.interval, self.store.forget_node(node, incarnation)).await;
        if let Err(error) = forgotten {
            let error = chain(&error);
            tracing::warn!(
                error,
                "the other nodes do not hear of the stop: they wait until the leases expire"
            );
        }
    }
}
