//! The relay's metrics. The labels are the configured sinks and two results.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

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
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            tries: Family::default(),
            restarts: Family::default(),
            in_flight: Family::default(),
            send_seconds: Family::new_with_constructor(send_seconds),
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "rollcall_relay_tries",
            "Deliveries tried, by sink and result (sent or failed)",
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
    pub(crate) restarts: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) send_seconds: Histogram,
}
