//! The partition readers of this node: one supervised actor per partition that it reads.
//!
//! They start and end one by one. One that ends for good (drained, its lease lost or run out) is
//! struck off here, and the keeper is told, who decides what becomes of its partition.

use std::sync::Arc;

use actix_rt::ArbiterHandle;
use dashmap::DashMap;
use rollcall_model::{Epoch, PartitionId, StreamId};
use tokio::runtime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::balance::Mine;
use crate::deadline::within;
use crate::error::chain;
use crate::partition_reader::{PartitionReader, ReaderParts};
use crate::reader_gauge::ReaderGauge;
use crate::reader_memory::ReaderMemory;
use crate::status::ReaderStatus;
use crate::supervisor::{Child, Slot, Supervision, supervise};

struct Running {
    slot: Arc<Slot<PartitionReader>>,
    gauge: Arc<ReaderGauge>,
    restart: Arc<Notify>,
    /// Of this reader alone.
    drain: CancellationToken,
}

/// What all readers of the node share, but for their partition.
pub(crate) struct Readers {
    running: Arc<DashMap<PartitionId, Running>>,
    /// A reader has ended.
    changed: Arc<Notify>,
    template: ReaderParts,
    arbiters: Vec<ArbiterHandle>,
    supervision: Supervision,
    io: runtime::Handle,
    tasks: TaskTracker,
}

impl Readers {
    pub(crate) fn new(
        template: ReaderParts,
        arbiters: Vec<ArbiterHandle>,
        supervision: Supervision,
        io: runtime::Handle,
    ) -> Self {
        let tasks = TaskTracker::new();
        Self {
            running: Arc::default(),
            changed: Arc::default(),
            template,
            arbiters,
            supervision,
            io,
            tasks,
        }
    }

    /// Starts a reader for the partition, if it has none.
    pub(crate) fn start(&self, partition_id: PartitionId) {
        if self.running.contains_key(&partition_id) || self.draining().is_cancelled() {
            return;
        }
        let Some(arbiter) = self
            .arbiters
            .get(partition_id.0 as usize % self.arbiters.len())
        else {
            return;
        };
        let slot = Slot::new();
        let parts = ReaderParts {
            partition_id,
            memory: Arc::new(ReaderMemory::default()),
            gauge: Arc::new(ReaderGauge::new(partition_id)),
            restart: Arc::new(Notify::new()),
            drain: self.draining().child_token(),
            ..self.template.clone()
        };
        let running = Running {
            slot: Arc::clone(&slot),
            gauge: Arc::clone(&parts.gauge),
            restart: Arc::clone(&parts.restart),
            drain: parts.drain.clone(),
        };
        self.running.insert(partition_id, running);
        let child = Child {
            name: format!("partition reader {partition_id}"),
            slot,
            arbiter: arbiter.clone(),
            factory: move |lifeline| PartitionReader::new(parts.clone(), lifeline),
        };
        let life = supervise(self.supervision.clone(), child);
        let (everyone, changed) = (Arc::clone(&self.running), Arc::clone(&self.changed));
        let life = async move {
            life.await;
            everyone.remove(&partition_id);
            changed.notify_one();
        };
        self.io.spawn(self.tasks.track_future(Box::pin(life)));
    }

    /// Lets the reader finish what is in flight, release its lease and end.
    pub(crate) fn hand_over(&self, partition_id: PartitionId) {
        if let Some(running) = self.running.get(&partition_id) {
            running.drain.cancel();
        }
    }

    /// Resolves when a reader has ended since the last time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Which partitions have a reader.
    pub(crate) fn mine(&self) -> Mine {
        let mut mine = Mine::default();
        for running in self.running.iter() {
            let set = match running.drain.is_cancelled() {
                true => &mut mine.draining,
                false => &mut mine.reading,
            };
            set.insert(*running.key());
        }
        mine
    }

    /// Makes every reader claim its partition anew.
    pub(crate) fn restart_all(&self) {
        for running in self.running.iter() {
            running.restart.notify_one();
        }
    }

    /// Makes the readers that read another stream than this one begin afresh.
    pub(crate) fn restart_those_behind(&self, stream_id: StreamId) {
        for running in self.running.iter() {
            if running
                .gauge
                .stream_id()
                .is_some_and(|reading| reading != stream_id)
            {
                running.restart.notify_one();
            }
        }
    }

    /// The lease of this epoch is lost: the reader claims anew, and ends if it may not. One that
    /// has claimed anew meanwhile is left alone.
    pub(crate) fn lose(&self, partition_id: PartitionId, epoch: Epoch) {
        if let Some(running) = self.running.get(&partition_id)
            && running.gauge.holds(epoch)
        {
            tracing::warn!(%partition_id, %epoch, "the lease is lost: claiming the partition anew");
            self.template.leases.note_lost(partition_id);
            running.restart.notify_one();
        }
    }

    /// The lease of this epoch lasts for its time to live from then on.
    pub(crate) fn note_renewed(&self, partition_id: PartitionId, epoch: Epoch, asked: Instant) {
        if let Some(running) = self.running.get(&partition_id) {
            running
                .gauge
                .note_renewed(epoch, self.template.lease_end(asked));
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining().is_cancelled()
    }

    fn draining(&self) -> &CancellationToken {
        &self.template.drain
    }

    /// Lets every reader finish what is in flight and release its lease.
    pub(crate) async fn drain(&self) {
        self.draining().cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if self.template.store.is_shared() {
            self.release_the_rest().await;
        }
    }

    /// A reader that was told to end in the midst of its claim may have left a lease.
    async fn release_the_rest(&self) {
        let ReaderParts { store, tenure, .. } = &self.template;
        let stream_id = self.template.stream.load().stream_id;
        let survey = match within(tenure.ttl, store.survey(stream_id)).await {
            Ok(survey) => survey,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(
                    error,
                    "whether a lease is left is not known: it expires by itself"
                );
                return;
            }
        };
        let mine =
            |lease: &&rollcall_store::LeaseRow| lease.incarnation == Some(tenure.incarnation);
        for lease in survey.leases.iter().filter(mine) {
            self.template
                .release(stream_id, lease.partition_id, lease.epoch)
                .await;
        }
    }

    /// Nobody reads any more, and nobody will.
    pub(crate) fn are_drained(&self) -> bool {
        self.tasks.is_closed() && self.tasks.is_empty()
    }

    /// The gaps before which partitions have stopped, a sentence each.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let running = self.running.iter();
        let mut gaps: Vec<_> = running.filter_map(|running| running.gauge.gap()).collect();
        gaps.sort();
        gaps
    }

    pub(crate) fn status(&self) -> Vec<ReaderStatus> {
        let now = self.template.clock.now();
        let mut readers: Vec<_> = self
            .running
            .iter()
            .map(|running| {
                let hub = self.template.source.observation(*running.key());
                running.gauge.status(hub, now, running.slot.restarts())
            })
            .collect();
        readers.sort_by_key(|reader| reader.partition_id);
        readers
    }
}
