//! How this node stands with its leases: written by the keeper and the readers, read by anyone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use rollcall_model::{Clock, PartitionId, Timestamp};
use tokio::sync::watch;

use crate::status::{LeaseLoss, LeaseStatus};

#[derive(Clone, Default)]
struct Counters {
    claimed: Counter,
    released: Counter,
    lost: Counter,
    lapsed: Counter,
    renewals_failed: Counter,
}

#[derive(Default)]
struct Standing {
    renewed_at: Option<Timestamp>,
    failing: Option<(Timestamp, String)>,
    losses: BTreeMap<PartitionId, LeaseLoss>,
}

/// Clones share it.
#[derive(Clone)]
pub(crate) struct LeaseGauge {
    clock: Arc<dyn Clock>,
    counters: Counters,
    standing: Arc<Mutex<Standing>>,
    /// Whether the hub was reached, so that this node can read.
    reads: Arc<watch::Sender<bool>>,
}

impl LeaseGauge {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            counters: Counters::default(),
            standing: Arc::default(),
            reads: Arc::new(watch::Sender::new(false)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        // Plain values only: a panic elsewhere leaves nothing half done.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hub was reached: from now on this node takes its share.
    pub(crate) fn note_able(&self) {
        self.reads.send_replace(true);
    }

    pub(crate) fn able(&self) -> watch::Receiver<bool> {
        self.reads.subscribe()
    }

    pub(crate) fn note_claimed(&self, partition_id: PartitionId) {
        self.counters.claimed.inc();
        self.lock().losses.remove(&partition_id);
    }

    pub(crate) fn note_released(&self) {
        self.counters.released.inc();
    }

    /// Somebody else has the lease.
    pub(crate) fn note_lost(&self, partition_id: PartitionId) {
        self.counters.lost.inc();
        let fault = "another node holds the lease: this one has stopped reading and stores nothing";
        self.note_loss(partition_id, fault);
    }

    /// The lease could not be renewed in time.
    pub(crate) fn note_lapsed(&self, partition_id: PartitionId) {
        self.counters.lapsed.inc();
        let fault = "the lease ran out before it could be renewed: this node has stopped reading \
                     and stores nothing";
        self.note_loss(partition_id, fault);
    }

    fn note_loss(&self, partition_id: PartitionId, fault: &str) {
        let loss = LeaseLoss {
            partition_id,
            at: self.clock.now(),
            fault: fault.to_owned(),
        };
        self.lock().losses.insert(partition_id, loss);
    }

    pub(crate) fn note_renewed(&self) {
        let now = self.clock.now();
        let mut standing = self.lock();
        standing.renewed_at = Some(now);
        standing.failing = None;
    }

    pub(crate) fn note_not_renewed(&self, fault: &str) {
        self.counters.renewals_failed.inc();
        let now = self.clock.now();
        let mut standing = self.lock();
        let since = standing.failing.take().map_or(now, |(since, _)| since);
        standing.failing = Some((since, fault.to_owned()));
    }

    pub(crate) fn status(&self) -> LeaseStatus {
        let standing = self.lock();
        LeaseStatus {
            renewed_at: standing.renewed_at,
            failing_since: standing.failing.as_ref().map(|(since, _)| *since),
            fault: standing.failing.as_ref().map(|(_, fault)| fault.clone()),
            claimed: self.counters.claimed.get(),
            released: self.counters.released.get(),
            lost: self.counters.lost.get(),
            lapsed: self.counters.lapsed.get(),
            losses: standing.losses.values().cloned().collect(),
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let mut add = |name: &str, help: &str, counter: &Counter| {
            registry.register(format!("rollcall_{name}"), help, counter.clone());
        };
        let counters = &self.counters;
        add(
            "leases_claimed",
            "Partitions claimed, also anew by a reader that was replaced",
            &counters.claimed,
        );
        add(
            "leases_released",
            "Partitions drained and released: handed over, or at a stop",
            &counters.released,
        );
        add(
            "leases_lost",
            "Leases that another node turned out to hold",
            &counters.lost,
        );
        add(
            "leases_lapsed",
            "Leases that ran out before they could be renewed; their readers stopped",
            &counters.lapsed,
        );
        add(
            "lease_renewals_failed",
            "Rounds of renewal that failed or were not answered in time",
            &counters.renewals_failed,
        );
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::SystemClock;

    use super::*;

    #[test]
    fn a_loss_is_told_until_the_partition_is_claimed_again() {
        let gauge = LeaseGauge::new(Arc::new(SystemClock));
        gauge.note_lapsed(PartitionId(3));
        gauge.note_lost(PartitionId(4));
        let status = gauge.status();
        assert_eq!((status.lapsed, status.lost), (1, 1));
        assert!(status.losses[0].fault.contains("ran out"));
        assert!(status.losses[1].fault.contains("another node"));
        gauge.note_claimed(PartitionId(3));
        let left: Vec<_> = gauge
            .status()
            .losses
            .iter()
            .map(|loss| loss.partition_id)
            .collect();
        assert_eq!(left, [PartitionId(4)]);
    }

    #[test]
    fn a_failure_to_renew_keeps_its_beginning_until_a_renewal_succeeds() {
        let gauge = LeaseGauge::new(Arc::new(SystemClock));
        gauge.note_not_renewed("away");
        let since = gauge.status().failing_since;
        gauge.note_not_renewed("still away");
        let status = gauge.status();
        assert_eq!(
            (status.failing_since, status.fault.as_deref()),
            (since, Some("still away"))
        );
        gauge.note_renewed();
        assert_eq!(gauge.status().fault, None);
    }
}
