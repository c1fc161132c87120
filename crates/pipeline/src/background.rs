//! What looks after the data and tells of the node, beside the actors.

use std::sync::Arc;

use rollcall_model::Clock;
use rollcall_store::NodeReport;
use tokio::runtime;

use crate::handle::Handle;
use crate::node_reporter::NodeReporter;
use crate::{Config, held_settling, recalibrating, status_retention};

/// Starts all of it, until the node drains.
pub(crate) fn start(
    config: &Config,
    handle: &Handle,
    clock: &Arc<dyn Clock>,
    io: &runtime::Handle,
) {
    status_retention::start(config, handle, clock, io);
    held_settling::start(handle, io);
    recalibrating::start(config, handle, io);
    io.spawn(Handle::watch_rate(Arc::downgrade(&handle.inner)));
    let reporter = reporter(config, handle);
    io.spawn(handle.inner.reporting.track_future(reporter.run()));
}

fn reporter(config: &Config, handle: &Handle) -> NodeReporter {
    let inner = &handle.inner;
    NodeReporter {
        store: inner.store.clone(),
        registry: inner.registry.clone(),
        leases: inner.leases.clone(),
        report: NodeReport {
            node: config.node.clone(),
            incarnation: config.incarnation,
            roles: config.roles.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api: config.api.clone(),
            shards: serde_json::Value::Null,
            leases: serde_json::Value::Null,
        },
        interval: config.renew_interval,
        drain: inner.drain.clone(),
    }
}
