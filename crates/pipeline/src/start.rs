//! Wiring: downstream first, so that whoever is started finds whom it sends to.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use arc_swap::ArcSwap;
use rollcall_model::{Clock, EventSource, PartitionId};
use rollcall_source::{HubDescription, PullLimits, Source};
use rollcall_store::{HubIdentity, Store, Stream, Tenure};
use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::change_feed::{ChangeFeed, ChangeFeedParts};
use crate::claims::Claims;
use crate::directory::{Directory, DirectoryShard};
use crate::error::chain;
use crate::handle::{Handle, Inner};
use crate::lease_gauge::LeaseGauge;
use crate::lease_keeper::{LeaseKeeper, LeaseKeeperParts};
use crate::metrics::Metrics;
use crate::owner_actor::{OwnerActor, OwnerActorParts, ShardGauge};
use crate::owner_registry::{OwnerRegistry, Shard};
use crate::partition_reader::ReaderParts;
use crate::quotas::Quotas;
use crate::rate::Rate;
use crate::reader_gauge::ReaderGauge;
use crate::reader_memory::ReaderMemory;
use crate::readers::Readers;
use crate::replay::Replays;
use crate::status_writer::{StatusWriter, StatusWriterParts};
use crate::supervisor::{Child, Slot, Supervision, supervise};
use crate::writers::Writers;
use crate::{Config, Error, background};

/// Between two tries to reach a hub that is away when the node starts.
const HUB_RETRY: Duration = Duration::from_secs(1);

/// Where actors are started.
#[derive(Clone)]
pub(crate) struct Stage {
    arbiters: Vec<ArbiterHandle>,
    supervision: Supervision,
    io: runtime::Handle,
}

impl Stage {
    /// Starts the threads; the receiver learns when an actor died too often.
    pub(crate) fn new(
        config: &Config,
        metrics: &Metrics,
        io: runtime::Handle,
    ) -> (Self, Vec<Arbiter>, watch::Receiver<Option<String>>) {
        let arbiters: Vec<_> = (0..config.arbiters.get()).map(|_| Arbiter::new()).collect();
        let (gave_up, gives_up) = watch::channel(None);
        let supervision = Supervision {
            max_restarts_per_minute: config.max_restarts_per_minute,
            gave_up: Arc::new(gave_up),
            deaths: metrics.deaths.clone(),
        };
        let handles = arbiters.iter().map(Arbiter::handle).collect();
        (
            Self {
                arbiters: handles,
                supervision,
                io,
            },
            arbiters,
            gives_up,
        )
    }

    fn arbiter(&self, index: usize) -> ArbiterHandle {
        let arbiter = self
            .arbiters
            .iter()
            .cycle()
            .nth(index % self.arbiters.len().max(1));
        arbiter.cloned().unwrap_or_else(Arbiter::current)
    }

    fn start<A, F>(&self, name: String, index: usize, slot: &Arc<Slot<A>>, factory: F)
    where
        A: actix::Actor<Context = actix::Context<A>>,
        F: Fn(crate::supervisor::Lifeline) -> A + Clone + Send + Sync + 'static,
    {
        let (slot, arbiter) = (Arc::clone(slot), self.arbiter(index));
        let child = Child {
            name,
            slot,
            arbiter,
            factory,
        };
        self.io
            .spawn(Box::pin(supervise(self.supervision.clone(), child)));
    }
}

/// Starts the actors on arbiters of the current actix system. `io` is the runtime that carries the
/// Event Hubs client and the database.
///
/// # Errors
/// If the source's settings cannot be right. A hub that is away is waited for.
pub fn start(
    config: Config,
    source: rollcall_source::Config,
    store: Store,
    clock: Arc<dyn Clock>,
    io: runtime::Handle,
) -> Result<Handle, Error> {
    let namespace = rollcall_source::client::namespace(&source)?;
    let event_source = EventSource::new(&namespace, &source.event_hub);
    let decode = source.decode.clone();
    let source = config.ingests().then(|| Source::new(source, io.clone()));
    let (metrics, drain) = (Metrics::default(), CancellationToken::new());
    let leases = LeaseGauge::new(Arc::clone(&clock));
    let claims = Claims::start(&config, &metrics, &io)?;
    let (stage, arbiters, gives_up) = Stage::new(&config, &metrics, io);
    let directory = Arc::new(Directory::default());
    let owners = OwnerActorParts {
        store: store.clone(),
        source: event_source,
        gauge: Arc::default(),
        metrics: metrics.clone(),
        claims,
        quotas: Arc::new(Quotas::of(&config.policy)),
        policy: Arc::new(config.policy.clone()),
    };
    let registry = start_owner_actors(&stage, &config, &directory, &owners);
    let handle = Handle {
        inner: Arc::new(Inner {
            registry,
            directory,
            store,
            decode,
            source: source.clone(),
            readers: Arc::new(OnceLock::new()),
            leases,
            reporting: TaskTracker::new(),
            stream: OnceLock::new(),
            clock: Arc::clone(&clock),
            status_retention: config.status_retention,
            policy: config.policy.clone(),
            io: stage.io.clone(),
            drain,
            drain_timeout: config.drain_timeout,
            gave_up: gives_up,
            metrics,
            rate: Rate::default(),
            replays: Replays::default(),
            _arbiters: arbiters,
        }),
    };
    let io = stage.io.clone();
    background::start(&config, &handle, &clock, &io);
    start_change_feed(&stage, &handle.inner);
    if let Some(source) = source {
        let writers = start_writers(&stage, &config, &handle.inner);
        let reading = Reading {
            config,
            source,
            namespace,
            writers,
            clock,
            stage,
            handle: handle.clone(),
        };
        io.spawn(Box::pin(reading.start()));
    }
    Ok(handle)
}

fn start_writers(stage: &Stage, config: &Config, inner: &Inner) -> Writers {
    let parts = StatusWriterParts {
        store: inner.store.clone(),
        metrics: inner.metrics.clone(),
        group_max_events: config.group_max_events.get() as u64,
    };
    let start = |index| {
        let (slot, parts) = (Slot::new(), parts.clone());
        stage.start(
            format!("status writer {index}"),
            index,
            &slot,
            move |lifeline| StatusWriter::new(parts.clone(), lifeline),
        );
        slot
    };
    Writers::new((0..config.writers.get()).map(start).collect())
}

pub(crate) fn start_owner_actors(
    stage: &Stage,
    config: &Config,
    directory: &Arc<Directory>,
    parts: &OwnerActorParts,
) -> OwnerRegistry {
    let shards = config.owner_shards.get();
    let capacity = share(config.max_resident_entries, shards);
    let start = |shard| {
        let gauge = Arc::new(ShardGauge::default());
        let parts = OwnerActorParts {
            gauge: Arc::clone(&gauge),
            ..parts.clone()
        };
        let (slot, directory) = (Slot::new(), Arc::clone(directory));
        stage.start(
            format!("owner actor {shard}"),
            shard,
            &slot,
            move |lifeline| {
                let directory =
                    DirectoryShard::new(Arc::clone(&directory), shard, shards, capacity);
                OwnerActor::new(parts.clone(), directory, lifeline)
            },
        );
        Shard { slot, gauge }
    };
    OwnerRegistry::new((0..shards).map(start).collect())
}

fn start_change_feed(stage: &Stage, inner: &Inner) {
    let parts = ChangeFeedParts {
        store: inner.store.clone(),
        registry: inner.registry.clone(),
        readers: Arc::clone(&inner.readers),
        seen: Arc::default(),
        metrics: inner.metrics.clone(),
        drain: inner.drain.clone(),
    };
    let factory = move |lifeline| ChangeFeed::new(parts.clone(), lifeline);
    stage.start("change feed".to_owned(), 0, &Slot::new(), factory);
}

fn share(entries: NonZeroUsize, shards: usize) -> usize {
    (entries.get() / shards.max(1)).max(1)
}

/// What is started once the hub has been reached.
struct Reading {
    config: Config,
    source: Source,
    namespace: String,
    writers: Writers,
    clock: Arc<dyn Clock>,
    stage: Stage,
    handle: Handle,
}

impl Reading {
    async fn start(self) {
        let (hub, stream) = tokio::select! {
            resolved = self.resolve_stream() => resolved,
            () = self.handle.inner.drain.cancelled() => return,
        };
        let stream = Arc::new(ArcSwap::from_pointee(stream));
        if self.handle.inner.stream.set(Arc::clone(&stream)).is_err() {
            return;
        }
        let readers = Arc::new(self.readers(&stream));
        if self.handle.inner.readers.set(Arc::clone(&readers)).is_err() {
            return;
        }
        self.handle.inner.leases.note_able();
        let slot = Slot::new();
        let parts = self.keeper(readers, stream, hub);
        self.stage
            .start("lease keeper".to_owned(), 0, &slot, move |lifeline| {
                LeaseKeeper::new(parts.clone(), lifeline)
            });
    }

    /// Waits for a hub and a database that are away.
    async fn resolve_stream(&self) -> (HubDescription, Stream) {
        loop {
            match self.try_resolve_stream().await {
                Ok(resolved) => return resolved,
                Err(error) => tracing::warn!(error, "the event hub is not read yet"),
            }
            tokio::time::sleep(HUB_RETRY).await;
        }
    }

    async fn try_resolve_stream(&self) -> Result<(HubDescription, Stream), String> {
        let hub = self
            .source
            .describe_hub()
            .await
            .map_err(|error| chain(&error))?;
        let identity = HubIdentity {
            namespace: self.namespace.clone(),
            event_hub: self.source.config().event_hub.clone(),
            consumer_group: self.source.config().consumer_group.clone(),
            created_at: hub.created_at,
        };
        let stream = self.handle.inner.store.resolve_stream(&identity).await;
        Ok((hub, stream.map_err(|error| chain(&error))?))
    }

    fn tenure(&self) -> Tenure {
        let Config {
            node,
            incarnation,
            lease_ttl,
            ..
        } = &self.config;
        Tenure {
            node: node.clone(),
            incarnation: *incarnation,
            ttl: *lease_ttl,
        }
    }

    fn readers(&self, stream: &Arc<ArcSwap<Stream>>) -> Readers {
        let inner = &self.handle.inner;
        let limits = PullLimits {
            max_events: self.config.batch_max_events.get(),
            max_bytes: self.config.batch_max_bytes.get(),
            max_wait: self.config.batch_max_wait,
        };
        let template = ReaderParts {
            partition_id: PartitionId(0),
            source: self.source.clone(),
            store: inner.store.clone(),
            registry: inner.registry.clone(),
            writers: self.writers.clone(),
            clock: Arc::clone(&self.clock),
            tenure: self.tenure(),
            limits,
            window: self.config.in_flight_batches.get(),
            on_gap: self.config.on_gap,
            status_retention: self.config.status_retention,
            stopped_at_gap: inner.metrics.stopped_at_gap.clone(),
            memory: Arc::new(ReaderMemory::default()),
            gauge: Arc::new(ReaderGauge::new(PartitionId(0))),
            stream: Arc::clone(stream),
            drain: inner.drain.clone(),
            restart: Arc::new(Notify::new()),
            leases: inner.leases.clone(),
        };
        let stage = &self.stage;
        let supervision = stage.supervision.clone();
        Readers::new(
            template,
            stage.arbiters.clone(),
            supervision,
            stage.io.clone(),
        )
    }

    fn keeper(
        &self,
        readers: Arc<Readers>,
        stream: Arc<ArcSwap<Stream>>,
        hub: HubDescription,
    ) -> LeaseKeeperParts {
        let inner = &self.handle.inner;
        LeaseKeeperParts {
            source: self.source.clone(),
            store: inner.store.clone(),
            readers,
            stream,
            partitions: Arc::new(hub.partition_ids.into_iter().collect()),
            tenure: self.tenure(),
            renew_interval: self.config.renew_interval,
            leases: inner.leases.clone(),
        }
    }
}
