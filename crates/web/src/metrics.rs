//! The API's metrics. A request is known by its route's pattern, never by its path, so that no id
//! becomes a label.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// 0.5 ms to 8 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 15))
}

/// Counts requests. Clones share the counts.
#[derive(Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
        };
        registry.register(
            "rollcall_http_requests",
            "Requests answered, by method, route pattern and status",
            metrics.requests.clone(),
        );
        registry.register(
            "rollcall_http_request_seconds",
            "Time from a request's head to its answer's head, by route pattern",
            metrics.seconds.clone(),
        );
        metrics
    }

    pub(crate) fn count(&self, method: &str, route: Option<String>, status: u16, took: Duration) {
        let route = route.unwrap_or_else(|| "none".to_owned());
        let method = bounded_method(method);
        let seconds = self.seconds.get_or_create_owned(&RouteLabel {
            route: route.clone(),
        });
        seconds.observe(took.as_secs_f64());
        let labels = RequestLabels {
            method,
            route,
            status,
        };
        self.requests.get_or_create_owned(&labels).inc();
    }
}

/// A sender may invent methods without end.
fn bounded_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}
