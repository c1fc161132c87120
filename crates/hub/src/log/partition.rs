//! A partition: what connections see of its log.
//!
//! Owns the state that readers share; the files are written by its [`Writer`] alone. Everything
//! here is about what is synced: what the writer has in hand does not show.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rollcall_model::{Clock, Timestamp};
use tokio::sync::{Notify, mpsc};

use super::cache::{Block, TailCache};
use super::recovery;
use super::retention::Limits;
use super::segment::{HEADER, Segment};
use super::writer::{Append, Command, Writer};
use crate::Error;

/// Sends that may wait for a partition's writer. Connections bound the bytes behind them.
const QUEUE: usize = 1_024;

/// Shared by the connections and the writer of one partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: u32,
    pub(super) dir: PathBuf,
    state: Mutex<State>,
    queue: mpsc::Sender<Command>,
    watchers: Mutex<Vec<Weak<Notify>>>,
    _lock: Arc<File>,
}

/// The synced log.
#[derive(Debug)]
pub(super) struct State {
    /// Never empty; the last one takes the appends.
    pub(super) segments: VecDeque<Segment>,
    pub(super) next: u64,
    pub(super) last_offset: i64,
    pub(super) last_millis: i64,
    pub(super) cache: TailCache,
}

/// What `$management` and the status tell of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) begin_sequence_number: u64,
    /// −1 while nothing was ever enqueued.
    pub(crate) last_sequence_number: i64,
    /// −1 while nothing was ever enqueued.
    pub(crate) last_offset: i64,
    /// The epoch while nothing was ever enqueued.
    pub(crate) last_enqueued: Timestamp,
    pub(crate) bytes: u64,
}

impl Extent {
    pub(crate) fn is_empty(&self) -> bool {
        i64::try_from(self.begin_sequence_number).is_ok_and(|n| n > self.last_sequence_number)
    }
}

/// How a partition is opened.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) cache_bytes: usize,
    pub(crate) clock: Arc<dyn Clock>,
    /// Held until the last write has ended.
    pub(crate) lock: Arc<File>,
}

impl Partition {
    /// Recovers the log in `dir`. Blocks. The writer has to be run for appends to go through.
    pub(crate) fn open(
        id: u32,
        dir: &Path,
        options: Options,
    ) -> Result<(Arc<Self>, Writer), Error> {
        let recovered = recovery::open(dir)?;
        if recovered.cut > 0 {
            tracing::warn!(
                partition = id,
                cut_bytes = recovered.cut,
                next_sequence_number = recovered.next,
                "removed an unfinished write from the end of partition {id}"
            );
        }
        let (queue, commands) = mpsc::channel(QUEUE);
        let partition = Arc::new(Self {
            id,
            dir: dir.to_owned(),
            state: Mutex::new(State {
                segments: recovered.segments,
                next: recovered.next,
                last_offset: recovered.last_offset,
                last_millis: recovered.last_millis,
                cache: TailCache::new(options.cache_bytes),
            }),
            queue,
            watchers: Mutex::default(),
            _lock: Arc::clone(&options.lock),
        });
        let writer = Writer::new(Arc::clone(&partition), recovered.file, commands, options);
        Ok((partition, writer))
    }

    /// Hands events to the writer; `append.reply` is called when they are synced. Waits while the
    /// writer's queue is full. False: the hub is stopping.
    pub(crate) async fn append(&self, append: Append) -> bool {
        self.queue.send(Command::Append(append)).await.is_ok()
    }

    /// Asks the writer to look for expired segments, unless it is too busy.
    pub(crate) fn retain(&self) {
        if self.queue.try_send(Command::Retain).is_err() {
            tracing::debug!(partition = self.id, "retention waits: the writer is busy");
        }
    }

    /// Ends the writer after what is queued.
    pub(crate) async fn stop(&self) {
        if self.queue.send(Command::Stop).await.is_err() {
            tracing::debug!(partition = self.id, "the writer had already ended");
        }
    }

    /// Notifies `watcher` whenever events become readable, until it is dropped.
    pub(crate) fn watch(&self, watcher: &Arc<Notify>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let watcher = Arc::downgrade(watcher);
        if !watchers.iter().any(|known| known.ptr_eq(&watcher)) {
            watchers.push(watcher);
        }
    }

    pub(crate) fn extent(&self) -> Extent {
        let state = self.state();
        let begin = state.segments.front().map_or(state.next, Segment::first);
        let never = state.last_offset < 0;
        Extent {
            begin_sequence_number: begin,
            last_sequence_number: i64::try_from(state.next).unwrap_or(i64::MAX) - 1,
            last_offset: state.last_offset,
            last_enqueued: Timestamp::from_millis(if never { 0 } else { state.last_millis }),
            bytes: state
                .segments
                .iter()
                .map(|segment| segment.len - HEADER)
                .sum(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a synced group readable.
    pub(super) fn publish(&self, block: Block, group: Group) {
        let mut state = self.state();
        if let Some(active) = state.segments.back_mut() {
            active.len += block.bytes.len() as u64;
            active.last_millis = group.millis;
        }
        state.next = group.next;
        state.last_millis = group.millis;
        state.last_offset = i64::try_from(group.last_offset).unwrap_or(i64::MAX);
        state.cache.push(block);
        drop(state);
        self.wake();
    }

    fn wake(&self) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| match watcher.upgrade() {
            Some(notify) => {
                notify.notify_one();
                true
            }
            None => false,
        });
    }
}

/// What a group of appends did to the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// The sequence number after its last one.
    pub(super) next: u64,
    pub(super) last_offset: u64,
    pub(super) millis: i64,
}
