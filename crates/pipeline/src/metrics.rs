//! The pipeline's metrics.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rollcall_model::DeadReason;
use rollcall_store::{Batch, Provisioned};

use crate::claims::Turn;

/// The label values are the names of an enumeration, so their number is bounded.
type ByReason = Family<Vec<(&'static str, &'static str)>, Counter>;

/// Counters of one pipeline. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    stored: Counter,
    held: Counter,
    dead: ByReason,
    dropped: ByReason,
    gap_events: Counter,
    pub(crate) batches: Counter,
    pub(crate) refused_batches: Counter,
    pub(crate) groups: Counter,
    pub(crate) group_retries: Counter,
    owners_created: Counter,
    sub_owners_created: Counter,
    races_lost: Counter,
    pub(crate) deaths: Counter,
    pub(crate) replayed: Counter,
    pub(crate) expired: Counter,
    pub(crate) released: Counter,
    pub(crate) stopped_at_gap: Gauge,
    pub(crate) changes_seen: Counter,
    pub(crate) pasts_lost: Counter,
    claims: Family<Vec<(&'static str, &'static str)>, Counter>,
    pub(crate) claims_available: Gauge,
}

impl Metrics {
    pub(crate) fn note_committed(&self, batch: &Batch) {
        self.batches.inc();
        self.stored.inc_by(batch.statuses.len() as u64);
        self.held.inc_by(batch.held.len() as u64);
        self.gap_events
            .inc_by(batch.gaps.iter().map(|gap| gap.span.len()).sum());
        for letter in &batch.dead {
            self.dead.get_or_create(&label(letter.reason)).inc();
        }
        for (reason, count) in &batch.drops.0 {
            self.dropped
                .get_or_create(&vec![("reason", reason.as_str())])
                .inc_by(*count);
        }
    }

    pub(crate) fn note_provisioned(&self, entered: &Provisioned) {
        self.owners_created.inc_by(u64::from(entered.created));
        self.sub_owners_created
            .inc_by(entered.sub_owners_created as u64);
        if !entered.created && entered.sub_owners_created == 0 {
            self.races_lost.inc();
        }
    }

    /// What Redis said of so many newcomers, if it said anything.
    pub(crate) fn note_claims(&self, turns: Option<&[Turn]>, asked: usize) {
        let count = |answer, newcomers| {
            let counter = self.claims.get_or_create(&vec![("answer", answer)]);
            counter.inc_by(newcomers as u64);
        };
        let Some(turns) = turns else {
            return count("none", asked);
        };
        for turn in Turn::ALL {
            let said = turns.iter().filter(|said| **said == turn).count();
            count(turn.as_str(), said);
        }
    }

    /// Statuses stored by this node since it started.
    pub(crate) fn stored(&self) -> u64 {
        self.stored.get()
    }

    /// What becomes of statuses that are not simply stored, and of partitions that wait.
    fn register_later_fates(&self, registry: &mut Registry) {
        let dead = self.dead.clone();
        registry.register("rollcall_dead_letters", "Dead letters by reason", dead);
        let dropped = self.dropped.clone();
        registry.register(
            "rollcall_statuses_dropped",
            "Statuses dropped by reason",
            dropped,
        );
        registry.register(
            "rollcall_statuses_replayed",
            "Statuses that were missing and stored by a replay",
            self.replayed.clone(),
        );
        registry.register(
            "rollcall_statuses_released",
            "Held statuses that this node stored after their owner was approved",
            self.released.clone(),
        );
        registry.register(
            "rollcall_statuses_expired",
            "Statuses that retention removed",
            self.expired.clone(),
        );
        registry.register(
            "rollcall_partitions_stopped_at_gap",
            "Partitions of this node that stopped before a gap and wait for somebody to accept it",
            self.stopped_at_gap.clone(),
        );
    }

    fn register_claims(&self, registry: &mut Registry) {
        registry.register(
            "rollcall_claims",
            "Newcomers by what Redis said: ours, busy, known, none (it did not answer)",
            self.claims.clone(),
        );
        registry.register(
            "rollcall_claims_available",
            "1 while newcomers are claimed in Redis",
            self.claims_available.clone(),
        );
    }

    fn register_changes(&self, registry: &mut Registry) {
        registry.register(
            "rollcall_owner_changes_seen",
            "Changes of owners, this node's own included, that the feed told of",
            self.changes_seen.clone(),
        );
        registry.register(
            "rollcall_database_pasts_lost",
            "Times that the database turned out to be an older one than before",
            self.pasts_lost.clone(),
        );
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let mut add = |name: &str, help: &str, counter: &Counter| {
            registry.register(format!("rollcall_{name}"), help, counter.clone());
        };
        add("statuses_stored", "Statuses stored", &self.stored);
        add(
            "statuses_held",
            "Statuses that the readers gave to be held; of how many there was room, the totals of \
             /partitions say",
            &self.held,
        );
        add(
            "gap_events",
            "Numbers that the hub no longer had",
            &self.gap_events,
        );
        add("batches_committed", "Batches committed", &self.batches);
        add(
            "batches_refused",
            "Batches refused by position or epoch",
            &self.refused_batches,
        );
        add(
            "commit_groups",
            "Transactions of the status writers",
            &self.groups,
        );
        add(
            "commit_retries",
            "Transactions of the status writers tried again",
            &self.group_retries,
        );
        add(
            "owners_created",
            "Owners entered by this node",
            &self.owners_created,
        );
        add(
            "sub_owners_created",
            "Sub-owners entered by this node",
            &self.sub_owners_created,
        );
        add(
            "owners_looked_up",
            "Unknown owners that were on the roll already: forgotten, or another node was quicker",
            &self.races_lost,
        );
        add(
            "actor_deaths",
            "Actors that died and were replaced",
            &self.deaths,
        );
        self.register_claims(registry);
        self.register_changes(registry);
        self.register_later_fates(registry);
    }
}

fn label(reason: DeadReason) -> Vec<(&'static str, &'static str)> {
    vec![("reason", reason.as_str())]
}
