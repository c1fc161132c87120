//! The partition readers of this node: one supervised actor per partition.

use std::sync::Arc;

use actix_rt::ArbiterHandle;
use dashmap::DashMap;
use rollcall_model::{PartitionId, StreamId};
use tokio::runtime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::partition_reader::{PartitionReader, ReaderParts};
use crate::reader_gauge::ReaderGauge;
use crate::reader_memory::ReaderMemory;
use crate::status::ReaderStatus;
use crate::supervisor::{Child, Slot, Supervision, supervise};

struct Running {
    slot: Arc<Slot<PartitionReader>>,
    gauge: Arc<ReaderGauge>,
    restart: Arc<Notify>,
}

/// What all readers of the node share, but for their partition.
pub(crate) struct Readers {
    running: DashMap<PartitionId, Running>,
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
            running: DashMap::new(),
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
            ..self.template.clone()
        };
        let running = Running {
            slot: Arc::clone(&slot),
            gauge: Arc::clone(&parts.gauge),
            restart: Arc::clone(&parts.restart),
        };
        self.running.insert(partition_id, running);
        let child = Child {
            name: format!("partition reader {partition_id}"),
            slot,
            arbiter: arbiter.clone(),
            factory: move |lifeline| PartitionReader::new(parts.clone(), lifeline),
        };
        let life = supervise(self.supervision.clone(), child);
        self.io.spawn(self.tasks.track_future(Box::pin(life)));
    }

    /// Makes the readers that read another stream than this one begin afresh.
    pub(crate) fn restart_those_behind(&self, stream_id: StreamId) {
        for running in &self.running {
            if running
                .gauge
                .stream_id()
                .is_some_and(|reading| reading != stream_id)
            {
                running.restart.notify_one();
            }
        }
    }

    /// Makes the reader claim anew: its lease is lost.
    pub(crate) fn restart(&self, partition_id: PartitionId) {
        if let Some(running) = self.running.get(&partition_id) {
            running.restart.notify_one();
        }
    }

    fn draining(&self) -> &CancellationToken {
        &self.template.drain
    }

    /// Lets every reader finish what is in flight and release its lease.
    pub(crate) async fn drain(&self) {
        self.draining().cancel();
        self.tasks.close();
        self.tasks.wait().await;
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
