//! The component: what the pipeline asks of the hub.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use rollcall_model::{Epoch, PartitionId, SequenceNumber, Timestamp};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::chunk::Chunk;
use crate::condition::Condition;
use crate::connections::{self, Connections};
use crate::credit::Credit;
use crate::metrics::Metrics;
use crate::observer::{self, HubDescription, Observed, PartitionDescription};
use crate::receiver::{self, CHUNKS_IN_QUEUE, Item, Receiver};
use crate::room::Room;
use crate::{Config, Error, StartPosition, client};

/// How often a pull that is not full looks for more: a wake-up for every chunk would cost more than
/// decoding it.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) connections: Connections,
    pub(crate) observed: Observed,
    pub(crate) metrics: Metrics,
    /// Partitions of the hub, 0 until it was asked.
    pub(crate) partitions: AtomicUsize,
}

impl Shared {
    pub(crate) fn observation(&self, partition_id: PartitionId) -> Option<PartitionDescription> {
        self.observed.get(&partition_id).map(|observed| *observed)
    }
}

struct Watching(AbortHandle);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The event hub, for one consumer group. Clones are cheap; all I/O runs on one runtime.
#[derive(Clone)]
pub struct Source {
    shared: Arc<Shared>,
    io: runtime::Handle,
    _watching: Arc<Watching>,
}

/// Which partition to open, under which owner level, on which hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    pub partition_id: PartitionId,
    /// The lease's epoch; the broker fences by the same number.
    pub epoch: Epoch,
    /// The hub that the position belongs to.
    pub hub_created_at: Timestamp,
}

impl Source {
    /// Nothing is connected before it is needed.
    #[must_use]
    pub fn new(config: Config, io: runtime::Handle) -> Self {
        let config = Arc::new(config);
        let observed: Observed = Arc::new(DashMap::new());
        let watching = io.spawn(observer::watch(Arc::clone(&config), Arc::clone(&observed)));
        let connections = Connections::new(Arc::clone(&config));
        let shared = Shared {
            config,
            connections,
            observed,
            metrics: Metrics::default(),
            partitions: AtomicUsize::new(0),
        };
        let _watching = Arc::new(Watching(watching.abort_handle()));
        Self {
            shared: Arc::new(shared),
            io,
            _watching,
        }
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Asks the hub who it is and which partitions it has.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub async fn describe_hub(&self) -> Result<HubDescription, Error> {
        let shared = Arc::clone(&self.shared);
        self.on_io(async move {
            let client = Arc::new(client::open_consumer(&shared.config).await?);
            let description = observer::describe_hub(&shared.config, &client).await;
            connections::close(&shared.config, client).await;
            description
        })
        .await
    }

    /// Asks the hub which events of the partition it has.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub async fn describe_partition(
        &self,
        partition_id: PartitionId,
    ) -> Result<PartitionDescription, Error> {
        let shared = Arc::clone(&self.shared);
        self.on_io(async move {
            let client = shared.connections.get(partition_id).await?;
            let description = shared.describe_on(&client, partition_id).await;
            if description.is_err() {
                shared.connections.discard(partition_id, client).await;
            }
            description
        })
        .await
    }

    /// The first event that a partition without a checkpoint accounts for, by the configured start
    /// position.
    ///
    /// # Errors
    /// If the hub cannot be reached.
    pub async fn first_sequence_number(
        &self,
        opening: Opening,
        description: PartitionDescription,
    ) -> Result<SequenceNumber, Error> {
        let at = match self.shared.config.start_position {
            StartPosition::Earliest => return Ok(description.first),
            StartPosition::Latest => return Ok(description.last.next()),
            StartPosition::At(at) => at,
        };
        let shared = Arc::clone(&self.shared);
        self.on_io(async move { receiver::first_at(&shared, &opening, at, &description).await })
            .await
    }

    /// Reads the partition from right behind `after` until the returned stream is dropped.
    #[must_use]
    pub fn read(&self, opening: Opening, after: SequenceNumber) -> PartitionStream {
        let (queue, items) = mpsc::channel(CHUNKS_IN_QUEUE);
        let condition = Arc::new(Condition::default());
        let config = &self.shared.config;
        let partitions = self.shared.partitions.load(Ordering::Relaxed).max(1) as u64;
        let receiver = Receiver {
            shared: Arc::clone(&self.shared),
            opening,
            queue,
            room: Room::new(config.prefetch_bytes / partitions),
            condition: Arc::clone(&condition),
            last: after,
            reopened_after: None,
            credit: Credit::new(config.prefetch_bytes / partitions, config.prefetch),
            backoff: Backoff::new(),
        };
        let task = self.io.spawn(Box::pin(receiver.run()));
        let gathered = Gathered::default();
        PartitionStream {
            items,
            gathered,
            condition,
            task,
            limit: config.request_timeout,
        }
    }

    /// The partitions that the hub has shown so far.
    #[must_use]
    pub fn known_partitions(&self) -> Vec<PartitionId> {
        self.shared
            .observed
            .iter()
            .map(|observed| *observed.key())
            .collect()
    }

    /// What the hub last said of the partition: every few seconds while it can be reached, more
    /// rarely where it has hundreds of partitions.
    #[must_use]
    pub fn observation(&self, partition_id: PartitionId) -> Option<PartitionDescription> {
        self.shared.observation(partition_id)
    }

    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        self.shared.metrics.register(registry);
    }

    async fn on_io<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.io.spawn(Box::pin(work)).await.unwrap_or_else(|error| {
            let operation = "ask the event hub".to_owned();
            Err(Error::Unavailable {
                operation,
                cause: error.to_string(),
            })
        })
    }
}

/// How much one pull takes.
#[derive(Debug, Clone, Copy)]
pub struct PullLimits {
    pub max_events: usize,
    /// Of bodies; a single event may exceed it.
    pub max_bytes: usize,
    /// How long a pull that is not full waits after its first event.
    pub max_wait: Duration,
}

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The hub is not the one that the position belongs to.
    AnotherGeneration(PartitionDescription),
    /// Its receiver is gone.
    Lost,
}

/// One partition being read. Dropping it ends the receiver.
pub struct PartitionStream {
    items: mpsc::Receiver<Item>,
    gathered: Gathered,
    condition: Arc<Condition>,
    task: JoinHandle<()>,
    limit: Duration,
}

/// What a pull has taken so far; kept here so that a cancelled pull loses nothing.
#[derive(Default)]
struct Gathered {
    chunks: Vec<Chunk>,
    events: usize,
    bytes: usize,
    /// When the first chunk came.
    since: Option<Instant>,
}

impl Gathered {
    fn push(&mut self, chunk: Chunk) {
        self.events += chunk.len();
        self.bytes += chunk.bytes();
        self.chunks.push(chunk);
        self.since.get_or_insert_with(Instant::now);
    }

    fn is_full(&self, limits: &PullLimits) -> bool {
        self.events >= limits.max_events || self.bytes >= limits.max_bytes
    }
}

impl PartitionStream {
    /// Waits for events and takes as many as are there, within the limits; never empty. Safe to
    /// cancel: the next pull goes on where this one was.
    ///
    /// # Errors
    /// If the stream has ended; what came before the end has been pulled by then.
    pub async fn pull(&mut self, limits: PullLimits) -> Result<Vec<Chunk>, Ended> {
        while !self.gathered.is_full(&limits) {
            let received = match self.gathered.since {
                None => self.items.recv().await,
                Some(since) => match self.items.try_recv() {
                    Ok(item) => Some(item),
                    Err(TryRecvError::Disconnected) => None,
                    Err(TryRecvError::Empty) => {
                        let until = since + limits.max_wait;
                        let now = Instant::now();
                        if now >= until {
                            break;
                        }
                        tokio::time::sleep_until(until.min(now + LOOK_AGAIN)).await;
                        continue;
                    }
                },
            };
            match received {
                Some(Item::Chunk(chunk, permit)) => {
                    drop(permit);
                    self.gathered.push(chunk);
                }
                // What was gathered comes first. The end shows again as a closed queue, and a
                // reader that starts anew finds out about the generation by itself.
                _ if self.gathered.since.is_some() => break,
                Some(Item::AnotherGeneration(found)) => {
                    return Err(Ended::AnotherGeneration(found));
                }
                None => return Err(Ended::Lost),
            }
        }
        Ok(std::mem::take(&mut self.gathered).chunks)
    }

    #[must_use]
    pub fn condition(&self) -> Arc<Condition> {
        Arc::clone(&self.condition)
    }

    /// Ends the receiver and waits, within the limit of a request, until its link is closed.
    pub async fn close(mut self) {
        self.items.close();
        while self.items.try_recv().is_ok() {}
        if tokio::time::timeout(self.limit, &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
    }
}
