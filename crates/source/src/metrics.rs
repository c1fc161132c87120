//! The source's metrics.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Counters of one source. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) events: Counter,
    pub(crate) chunks: Counter,
    pub(crate) bytes: Counter,
    pub(crate) repeats: Counter,
    pub(crate) opens: Counter,
    pub(crate) failures: Counter,
    pub(crate) displacements: Counter,
    pub(crate) stalls: Counter,
    pub(crate) blocked_milliseconds: Counter,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let mut add = |name: &str, help: &str, counter: &Counter| {
            registry.register(format!("rollcall_source_{name}"), help, counter.clone());
        };
        add(
            "events",
            "Events received from the hub, without repeats",
            &self.events,
        );
        add(
            "chunks",
            "Hand-overs of received events from the client to a reader",
            &self.chunks,
        );
        add("bytes", "Bytes of the received bodies", &self.bytes);
        add(
            "repeats",
            "Events received again and passed over",
            &self.repeats,
        );
        add("opens", "Receivers opened on partitions", &self.opens);
        add(
            "failures",
            "Receivers that ended by an error",
            &self.failures,
        );
        add(
            "displacements",
            "Receivers displaced by others",
            &self.displacements,
        );
        add(
            "stalls",
            "Partitions that fell silent though the hub had events",
            &self.stalls,
        );
        add(
            "blocked_milliseconds",
            "Time in which received events waited for the pipeline",
            &self.blocked_milliseconds,
        );
    }
}
