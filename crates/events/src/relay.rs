//! Starts a task per sink, and is the handle on all of them.

use std::collections::HashSet;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rollcall_model::{Clock, SystemClock};
use rollcall_store::{SinkRegistration, Store};
use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::event_hubs::EventHubsSink;
use crate::log::LogSink;
use crate::metrics::Metrics;
use crate::redis_stream::RedisStreamSink;
use crate::service_bus::ServiceBusSink;
use crate::sink_task::SinkParts;
use crate::status::StatusCell;
use crate::supervisor::supervise;
use crate::webhook::WebhookSink;
use crate::{Config, Error, RelayStatus, Sink, SinkConfig, SinkKind, outbox_watch};

/// Registers the sinks and starts to send on `io`. Events that are made from now on are due at
/// them.
///
/// # Errors
/// If a sink's settings cannot be used, or the database does not take the registration.
pub async fn start(
    config: Config,
    store: Store,
    clock: Arc<dyn Clock>,
    io: runtime::Handle,
) -> Result<Relay, Error> {
    if let Some(fault) = config.faults().into_iter().next() {
        return Err(fault);
    }
    let registrations: Vec<_> = config.sinks.iter().map(registration).collect();
    store.register_sinks(&registrations).await?;
    let mut relay = Relay::idle(&config);
    let mut random = StdRng::seed_from_u64(config.seed);
    for sink in &config.sinks {
        let parts = relay.parts(&config, sink, (store.clone(), Arc::clone(&clock)))?;
        let random = StdRng::from_rng(&mut random);
        relay
            .tasks
            .spawn_on(supervise(parts, random, relay.stop.subscribe()), &io);
    }
    relay.watch_outbox(&config, (store, clock), &io);
    Ok(relay)
}

/// The running relay. Dropping it abandons what is in flight, which is then sent again after the
/// next start.
pub struct Relay {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    wake: WakeHandle,
    cells: Vec<StatusCell>,
    metrics: Metrics,
    drain_timeout: std::time::Duration,
}

/// Tells the relay that deliveries may be due, so that it does not wait for its next poll. Clones
/// are cheap.
#[derive(Clone, Default)]
pub struct WakeHandle(Arc<[Arc<Notify>]>);

impl WakeHandle {
    /// Never waits. Calls that come together are one.
    pub fn wake(&self) {
        self.0.iter().for_each(|sink| sink.notify_one());
    }
}

impl Relay {
    fn idle(config: &Config) -> Self {
        Self {
            tasks: JoinSet::new(),
            stop: watch::Sender::new(false),
            wake: WakeHandle(config.sinks.iter().map(|_| Arc::default()).collect()),
            cells: Vec::new(),
            metrics: Metrics::new(),
            drain_timeout: config.drain_timeout,
        }
    }

    fn parts(
        &mut self,
        config: &Config,
        sink: &SinkConfig,
        (store, clock): (Store, Arc<dyn Clock>),
    ) -> Result<SinkParts, Error> {
        let status = StatusCell::new(&sink.name, sink.kind.as_str());
        let wake = Arc::clone(&self.wake.0[self.cells.len()]);
        self.cells.push(status.clone());
        Ok(SinkParts {
            name: sink.name.clone(),
            sink: sink.build(&clock)?,
            store,
            clock,
            poll_interval: config.poll_interval,
            concurrency: sink.kind.concurrency(),
            max_attempts: config.max_attempts,
            send_timeout: config.send_timeout,
            status,
            metrics: self.metrics.of_sink(&sink.name),
            wake,
        })
    }

    fn watch_outbox(
        &mut self,
        config: &Config,
        (store, clock): (Store, Arc<dyn Clock>),
        io: &runtime::Handle,
    ) {
        let stop = || self.stop.subscribe();
        let metrics = self.metrics.clone();
        if !config.sinks.is_empty() {
            let passing = outbox_watch::pass_on(store.clone(), self.wake.clone(), stop());
            self.tasks.spawn_on(passing, io);
        }
        if let Some(retention) = config.retention {
            let kept = (metrics.clone(), retention);
            let expiring = outbox_watch::expire(store.clone(), Arc::clone(&clock), kept, stop());
            self.tasks.spawn_on(expiring, io);
        }
        let shown = (metrics, self.cells.clone());
        self.tasks
            .spawn_on(outbox_watch::show(store, clock, shown, stop()), io);
    }

    /// Takes nothing new, lets what is in flight finish within the drain's time-out, and settles
    /// it. The rest is still due at the next start.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain_timeout, drained)
            .await
            .is_err()
        {
            let left: usize = self.status().sinks.iter().map(|sink| sink.in_flight).sum();
            tracing::warn!(
                in_flight = left,
                "{left} deliveries were still in flight after {:?}, they will be sent again",
                self.drain_timeout,
            );
        }
    }

    /// Looks for due deliveries now.
    pub fn wake(&self) {
        self.wake.wake();
    }

    /// The same for somebody who does not own the relay.
    #[must_use]
    pub fn wake_handle(&self) -> WakeHandle {
        self.wake.clone()
    }

    #[must_use]
    pub fn status(&self) -> RelayStatus {
        let sinks = self.cells.iter().map(StatusCell::read).collect();
        RelayStatus { sinks }
    }

    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }
}

fn registration(sink: &SinkConfig) -> SinkRegistration {
    SinkRegistration {
        name: sink.name.clone(),
        types: sink.types.clone(),
    }
}

impl Config {
    /// Every fault of the sinks' settings, so that all can be mended at once.
    #[must_use]
    pub fn faults(&self) -> Vec<Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut names = HashSet::new();
        let mut faults = Vec::new();
        for sink in &self.sinks {
            if !names.insert(&sink.name) {
                faults.push(sink.fault("two sinks have this name; give each its own".to_owned()));
            }
            faults.extend(sink.build(&clock).err());
        }
        faults
    }
}

impl SinkConfig {
    fn build(&self, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Sink>, Error> {
        Ok(match &self.kind {
            SinkKind::Log => Arc::new(LogSink::new(&self.name)),
            SinkKind::Webhook(webhook) => {
                let sink = WebhookSink::new(webhook, Arc::clone(clock));
                Arc::new(sink.map_err(|problem| self.fault(problem))?)
            }
            SinkKind::ServiceBus(bus) => {
                let sink = ServiceBusSink::new(bus, Arc::clone(clock));
                Arc::new(sink.map_err(|problem| self.fault(problem))?)
            }
            SinkKind::EventHubs(hub) => {
                let sink = EventHubsSink::new(hub);
                Arc::new(sink.map_err(|problem| self.fault(problem))?)
            }
            SinkKind::RedisStream(redis) => {
                let sink = RedisStreamSink::new(redis);
                Arc::new(sink.map_err(|problem| self.fault(problem))?)
            }
        })
    }

    fn fault(&self, problem: String) -> Error {
        let name = self.name.clone();
        Error::Sink { name, problem }
    }
}
