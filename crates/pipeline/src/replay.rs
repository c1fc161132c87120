//! Replays: what may be asked, and how each one stands. `replay_run.rs` does the work.
//!
//! One replay per partition and node at a time. How the last one of each partition went stays to be
//! read until the next one begins, or the node ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use rollcall_model::{PartitionId, SequenceNumber, StreamId, Timestamp};
use rollcall_source::Source;
use rollcall_store::{PartitionRow, ReplayCounts, ReplayMode, Stream};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::chain;
use crate::handle::Handle;
use crate::replay_range::Run;
use crate::replay_run;

/// Where a replay begins or ends (both inclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayPoint {
    Sequence(SequenceNumber),
    /// By the time at which events were enqueued.
    Time(Timestamp),
}

/// Which events to read once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    pub partition_id: PartitionId,
    pub from: ReplayPoint,
    /// Otherwise up to the checkpoint.
    pub to: Option<ReplayPoint>,
    pub mode: ReplayMode,
    /// Otherwise the one of the settings.
    pub consumer_group: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    Running,
    Done,
    Failed,
}

/// How a replay stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ReplayProgress {
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    pub consumer_group: String,
    pub dry_run: bool,
    pub state: ReplayState,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The first number; null until it was found by time.
    pub from_sequence_number: Option<SequenceNumber>,
    /// The last number that may be replayed; the last one that was, once it is done.
    pub to_sequence_number: SequenceNumber,
    /// The last number that was replayed.
    pub sequence_number: Option<SequenceNumber>,
    /// Numbers in between that the hub does not have.
    pub missing: u64,
    #[serde(flatten)]
    pub counts: ReplayCounts,
    /// Why it failed. What it stored before stays; the same again stores nothing twice.
    pub fault: Option<String>,
}

/// Why a replay does not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayRefusal {
    /// The partition is not one of those that are read.
    NoPartition,
    /// Another one of the partition is under way.
    Running,
    /// The hub was not reached.
    Unreachable(String),
    /// The range or the consumer group cannot be: a sentence.
    Impossible(String),
}

pub(crate) type Shown = Arc<Mutex<ReplayProgress>>;

/// The last replay of each partition.
#[derive(Default)]
pub(crate) struct Replays(DashMap<PartitionId, Shown>);

pub(crate) fn lock(shown: &Shown) -> MutexGuard<'_, ReplayProgress> {
    // Plain values only: a panic elsewhere leaves nothing half done.
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replays {
    fn get(&self, partition_id: PartitionId) -> Option<ReplayProgress> {
        let shown = self.0.get(&partition_id)?;
        let progress = lock(&shown).clone();
        Some(progress)
    }

    /// Takes the partition's place, unless one is under way.
    fn enter(&self, progress: ReplayProgress) -> Option<Shown> {
        let shown = Arc::new(Mutex::new(progress.clone()));
        match self.0.entry(progress.partition_id) {
            Entry::Occupied(there) if lock(there.get()).state == ReplayState::Running => None,
            entry => {
                entry.insert(Arc::clone(&shown));
                Some(shown)
            }
        }
    }
}

impl Handle {
    /// Begins to replay a range of the partition, on this node, beside whoever reads it; how it
    /// goes is told by [`Handle::replay`].
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn start_replay(
        &self,
        request: ReplayRequest,
    ) -> Result<Result<ReplayProgress, ReplayRefusal>, crate::Error> {
        let Some(source) = &self.inner.source else {
            let why = "this node does not read: ask one that has the role ingest".to_owned();
            return Ok(Err(ReplayRefusal::Impossible(why)));
        };
        let Some(stream) = self.inner.stream.get().map(|stream| stream.load_full()) else {
            let why = "the event hub was not reached yet".to_owned();
            return Ok(Err(ReplayRefusal::Unreachable(why)));
        };
        let rows = self.inner.store.list_partitions(stream.stream_id).await?;
        let row = rows
            .into_iter()
            .find(|row| row.partition_id == request.partition_id);
        let Some((row, position)) = row.and_then(|row| {
            let position = row.sequence_number?;
            Some((row, position))
        }) else {
            return Ok(Err(ReplayRefusal::NoPartition));
        };
        let checked = check(source, &request, &stream, &row, position).await;
        Ok(checked.and_then(|run| self.begin(run)))
    }

    /// How the partition's last replay on this node stands.
    #[must_use]
    pub fn replay(&self, partition_id: PartitionId) -> Option<ReplayProgress> {
        self.inner.replays.get(partition_id)
    }

    fn begin(&self, mut run: Run) -> Result<ReplayProgress, ReplayRefusal> {
        if let Some(ReplayPoint::Sequence(to)) = run.request.to {
            run.upto = run.upto.min(to);
        }
        let progress = ReplayProgress {
            stream_id: run.stream.stream_id,
            partition_id: run.request.partition_id,
            consumer_group: run.consumer_group.clone(),
            dry_run: run.request.mode == ReplayMode::DryRun,
            state: ReplayState::Running,
            started_at: self.inner.clock.now(),
            ended_at: None,
            from_sequence_number: match run.request.from {
                ReplayPoint::Sequence(from) => Some(from),
                ReplayPoint::Time(_) => None,
            },
            to_sequence_number: run.upto,
            sequence_number: None,
            missing: 0,
            counts: ReplayCounts::default(),
            fault: None,
        };
        let shown = self.inner.replays.enter(progress.clone());
        let shown = shown.ok_or(ReplayRefusal::Running)?;
        let life = replay_run::live(Arc::clone(&self.inner), run, shown);
        self.inner.io.spawn(Box::pin(life));
        Ok(progress)
    }
}

async fn check(
    source: &Source,
    request: &ReplayRequest,
    stream: &Arc<Stream>,
    row: &PartitionRow,
    position: SequenceNumber,
) -> Result<Run, ReplayRefusal> {
    let config = source.config();
    let group = request.consumer_group.as_ref();
    let group = group.unwrap_or(&config.replay_consumer_group).clone();
    if group.eq_ignore_ascii_case(&config.consumer_group) {
        return Err(ReplayRefusal::Impossible(format!(
            "the consumer group {group} is the one that the stream is read by, and a second \
             reader would displace the first: name another one"
        )));
    }
    let described = source.describe_partition(row.partition_id).await;
    let hub = described.map_err(|error| ReplayRefusal::Unreachable(chain(&error)))?;
    if hub.hub_created_at != stream.hub_created_at || hub.last < position {
        let why = "the event hub was re-created since its events were read, and an older \
                   generation cannot be replayed";
        return Err(ReplayRefusal::Impossible(why.to_owned()));
    }
    let run = Run {
        request: request.clone(),
        stream: Arc::clone(stream),
        source: config.clone(),
        consumer_group: group,
        first: row.first_sequence_number.unwrap_or(position.next()),
        upto: position,
        hub,
    };
    run.check_range().map_err(ReplayRefusal::Impossible)?;
    Ok(run)
}
