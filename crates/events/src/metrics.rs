//! The relay's metrics. The labels are the configured sinks and four results.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use rollcall_model::Timestamp;
use rollcall_store::SinkStanding;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SinkLabel {
    pub(crate) sink: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    sink: String,
    result: &'static str,
}

/// 1 ms to 16 s.
fn send_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

#[derive(Clone)]
pub(crate) struct Metrics {
    tries: Family<ResultLabels, Counter>,
    restarts: Family<SinkLabel, Counter>,
    in_flight: Family<SinkLabel, Gauge>,
    send_seconds: Family<SinkLabel, Histogram, fn() -> Histogram>,
    pending: Family<SinkLabel, Gauge>,
    oldest_pending: Family<SinkLabel, Gauge<f64, AtomicU64>>,
    parked: Family<SinkLabel, Gauge>,
    pub(crate) removed: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            tries: Family::default(),
            restarts: Family::default(),
            in_flight: Family::default(),
            send_seconds: Family::new_with_constructor(send_seconds),
            pending: Family::default(),
            oldest_pending: Family::default(),
            parked: Family::default(),
            removed: Counter::default(),
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "rollcall_relay_tries",
            "Deliveries tried, by sink and result (sent, failed, parked: failed once too often and given up, \
             unreached: nobody was at the other end)",
            self.tries.clone(),
        );
        registry.register(
            "rollcall_relay_restarts",
            "Tasks of a sink replaced after a panic",
            self.restarts.clone(),
        );
        registry.register(
            "rollcall_relay_in_flight_deliveries",
            "Sends that have begun and are not settled",
            self.in_flight.clone(),
        );
        registry.register(
            "rollcall_relay_send_seconds",
            "Duration of one try",
            self.send_seconds.clone(),
        );
        self.register_outbox(registry);
    }

    fn register_outbox(&self, registry: &mut Registry) {
        registry.register(
            "rollcall_outbox_pending_deliveries",
            "Deliveries of the outbox that are pending, of all nodes together",
            self.pending.clone(),
        );
        registry.register_with_unit(
            "rollcall_outbox_oldest_pending",
            "Age of the oldest event that is pending at the sink, 0 if none is",
            Unit::Seconds,
            self.oldest_pending.clone(),
        );
        registry.register(
            "rollcall_outbox_parked_deliveries",
            "Deliveries that were given up and wait for somebody who resends them",
            self.parked.clone(),
        );
        registry.register(
            "rollcall_outbox_removed_events",
            "Delivered events that retention removed",
            self.removed.clone(),
        );
    }

    /// What the outbox holds for a sink, and how old the oldest of it is.
    pub(crate) fn outbox(&self, standing: &SinkStanding, now: Timestamp) {
        let label = SinkLabel {
            sink: standing.sink.clone(),
        };
        let gauge = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let age = standing.oldest_pending_at.map(|at| now.since(at));
        self.pending
            .get_or_create(&label)
            .set(gauge(standing.pending));
        self.parked
            .get_or_create(&label)
            .set(gauge(standing.parked));
        self.oldest_pending
            .get_or_create(&label)
            .set(age.unwrap_or_default().as_secs_f64());
    }

    /// The metrics of one sink.
    pub(crate) fn of_sink(&self, sink: &str) -> SinkMetrics {
        let label = SinkLabel {
            sink: sink.to_owned(),
        };
        let tries = |result| {
            let sink = sink.to_owned();
            self.tries
                .get_or_create_owned(&ResultLabels { sink, result })
        };
        SinkMetrics {
            sent: tries("sent"),
            failed: tries("failed"),
            parked: tries("parked"),
            unreached: tries("unreached"),
            restarts: self.restarts.get_or_create_owned(&label),
            in_flight: self.in_flight.get_or_create_owned(&label),
            send_seconds: self.send_seconds.get_or_create_owned(&label),
        }
    }
}

#[derive(Clone)]
pub(crate) struct SinkMetrics {
    pub(crate) sent: Counter,
    pub(crate) failed: Counter,
    pub(crate) parked: Counter,
    pub(crate) unreached: Counter,
    pub(crate) restarts: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) send_seconds: Histogram,
}
