//! The store's metrics, each labelled with the transaction's name.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::Kind;
use crate::provision::entry::Races;

/// From 100 µs, a look-up, to about 26 s, beyond every time-out.
const DURATION_BUCKETS: [f64; 10] = [
    0.0001, 0.0004, 0.0016, 0.0064, 0.0256, 0.1, 0.4, 1.6, 6.5, 26.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    operation: &'static str,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone)]
pub(crate) struct Metrics {
    calls: Family<Operation, Counter>,
    failures: Family<Failure, Counter>,
    retries: Family<Operation, Counter>,
    duration: Family<Operation, Histogram>,
    writable: Gauge,
    newcomers: Family<Outcome, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let writable = Gauge::default();
        writable.set(1);
        Self {
            calls: Family::default(),
            failures: Family::default(),
            retries: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            writable,
            newcomers: Family::default(),
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "rollcall_store_calls",
            "Transactions by name, whatever became of them",
            self.calls.clone(),
        );
        registry.register(
            "rollcall_store_failures",
            "Transactions that failed, by name and by what the caller does about it",
            self.failures.clone(),
        );
        registry.register(
            "rollcall_store_retries",
            "Transactions that lost a conflict in the database and were run again at once",
            self.retries.clone(),
        );
        registry.register_with_unit(
            "rollcall_store_duration",
            "Time from call to answer by the transaction's name, waiting and retries included",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register(
            "rollcall_store_writable",
            "1 if the writing transactions get through to the database, 0 while one of them does not",
            self.writable.clone(),
        );
        registry.register(
            "rollcall_store_newcomers",
            "Owners and sub-owners that were not on the roll when they were looked up: won, entered \
             by this process; lost, entered meanwhile by another transaction",
            self.newcomers.clone(),
        );
    }

    pub(crate) fn called(&self, operation: &'static str, took: Duration) {
        let label = Operation { operation };
        self.calls.get_or_create(&label).inc();
        self.duration
            .get_or_create(&label)
            .observe(took.as_secs_f64());
    }

    pub(crate) fn failed(&self, operation: &'static str, kind: Kind) {
        let kind = kind.as_str();
        self.failures
            .get_or_create(&Failure { operation, kind })
            .inc();
    }

    pub(crate) fn retried(&self, operation: &'static str) {
        self.retries.get_or_create(&Operation { operation }).inc();
    }

    pub(crate) fn raced(&self, races: Races) {
        for (outcome, newcomers) in [("won", races.won), ("lost", races.lost)] {
            let counter = self.newcomers.get_or_create(&Outcome { outcome });
            counter.inc_by(newcomers);
        }
    }

    pub(crate) fn writable(&self, writable: bool) {
        self.writable.set(i64::from(writable));
    }
}
