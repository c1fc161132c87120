//! The writer: the one task that appends to a partition's files.
//!
//! It takes all sends that wait, writes them with one write and one `fdatasync` on a blocking
//! thread, makes them readable and acknowledges them. After a failed write the file is cut back to
//! what is synced; after a failed sync nobody can tell what the disk holds, so the partition takes
//! no more events until the hub is started again.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::cache::Block;
use super::partition::{Group, Options, Partition};
use super::position::Cursor;
use super::record;
use super::segment::{self, HEADER, Header, Segment};
use crate::message::NewEvent;

/// A group is written as soon as it has this many bytes, so that latency stays bounded.
const GROUP_BYTES: usize = 4 * 1_048_576;

/// Whether the events of a send are on disk.
pub(crate) type Appended = Result<(), AppendError>;
/// Called once, on the writer's task: must not block.
pub(crate) type Reply = Box<dyn FnOnce(Appended) + Send + Sync>;

/// The events of a send are not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    #[error("cannot write to the log")]
    Write,
    #[error("the log takes no events after a failed sync until the hub is started again")]
    Broken,
}

/// The events of one send.
pub(crate) struct Append {
    pub(crate) events: Vec<NewEvent>,
    pub(crate) reply: Reply,
}

impl std::fmt::Debug for Append {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Append({} events)", self.events.len())
    }
}

/// What the writer is asked to do, in order.
#[derive(Debug)]
pub(super) enum Command {
    Append(Append),
    Retain,
    Stop,
}

/// Owns the newest segment's file.
pub(crate) struct Writer {
    partition: Arc<Partition>,
    file: Arc<File>,
    commands: mpsc::Receiver<Command>,
    options: Options,
    broken: bool,
}

/// A group encoded for the file.
struct Encoded {
    bytes: Bytes,
    start: Cursor,
    group: Group,
}

impl Writer {
    pub(super) fn new(
        partition: Arc<Partition>,
        file: File,
        commands: mpsc::Receiver<Command>,
        options: Options,
    ) -> Self {
        Self {
            partition,
            file: Arc::new(file),
            commands,
            options,
            broken: false,
        }
    }

    /// Runs until it is stopped.
    pub(crate) async fn run(mut self) {
        let mut waiting = None;
        loop {
            let command = match waiting.take() {
                Some(command) => command,
                None => match self.commands.recv().await {
                    Some(command) => command,
                    None => return,
                },
            };
            match command {
                Command::Append(first) => {
                    let sends = self.gather(first, &mut waiting);
                    self.append(sends).await;
                }
                Command::Retain => self.retain().await,
                Command::Stop => return,
            }
        }
    }

    /// All sends that wait, up to the size of a group; another command ends it.
    fn gather(&mut self, first: Append, waiting: &mut Option<Command>) -> Vec<Append> {
        let len = |send: &Append| send.events.iter().map(NewEvent::len).sum::<usize>();
        let mut bytes = len(&first);
        let mut sends = vec![first];
        while bytes < GROUP_BYTES {
            match self.commands.try_recv() {
                Ok(Command::Append(next)) => {
                    bytes += len(&next);
                    sends.push(next);
                }
                Ok(other) => {
                    *waiting = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        sends
    }

    async fn append(&mut self, sends: Vec<Append>) {
        let outcome = match self.write(&sends).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let partition = self.partition.id;
                tracing::error!(partition, %error, "cannot append to partition {partition}");
                Err(error)
            }
        };
        for send in sends {
            (send.reply)(outcome);
        }
    }

    async fn write(&mut self, sends: &[Append]) -> Appended {
        if self.broken {
            return Err(AppendError::Broken);
        }
        self.roll_if_full()
            .await
            .map_err(|error| self.note(&error))?;
        let encoded = self.encode(sends);
        if encoded.bytes.is_empty() {
            return Ok(());
        }
        let (file, bytes) = (Arc::clone(&self.file), encoded.bytes.clone());
        let keep = Arc::clone(&self.partition);
        let position = encoded.start.position;
        let written = spawn_blocking(move || {
            let outcome = store(&file, &bytes, position);
            drop(keep);
            outcome
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error @ AppendError::Write)) => return Err(error),
            Ok(Err(AppendError::Broken)) | Err(_) => {
                self.broken = true;
                return Err(AppendError::Broken);
            }
        }
        let block = Block {
            start: encoded.start,
            bytes: encoded.bytes,
        };
        self.partition.publish(block, encoded.group);
        Ok(())
    }

    fn note(&self, error: &io::Error) -> AppendError {
        let partition = self.partition.id;
        tracing::error!(partition, %error, "cannot begin a segment of partition {partition}");
        AppendError::Write
    }

    fn encode(&self, sends: &[Append]) -> Encoded {
        let now = self.options.clock.now().as_millis();
        let (start, last_millis) = {
            let state = self.partition.state();
            (end_of(&state.segments, state.next), state.last_millis)
        };
        let millis = now.max(last_millis);
        let events = sends.iter().flat_map(|send| &send.events);
        let mut next = start.sequence_number;
        let mut out = BytesMut::new();
        let mut last_offset = start.offset();
        for event in events {
            last_offset = start.offset() + out.len() as u64;
            record::encode(&mut out, event, next, millis);
            next += 1;
        }
        Encoded {
            bytes: out.freeze(),
            start,
            group: Group {
                next,
                last_offset,
                millis,
            },
        }
    }

    async fn roll_if_full(&mut self) -> io::Result<()> {
        let full = {
            let state = self.partition.state();
            let len = state.segments.back().map_or(0, |active| active.len);
            len.saturating_sub(HEADER) >= self.options.limits.segment_bytes
        };
        if full { self.roll().await } else { Ok(()) }
    }

    /// Closes the newest segment and begins the next.
    async fn roll(&mut self) -> io::Result<()> {
        let (header, last_millis) = {
            let state = self.partition.state();
            let end = end_of(&state.segments, state.next);
            let header = Header {
                first_sequence_number: state.next,
                base_offset: end.offset(),
                previous_offset: state.last_offset,
                previous_millis: state.last_millis,
            };
            (header, state.last_millis)
        };
        let partition = Arc::clone(&self.partition);
        let created = spawn_blocking(move || segment::create(&partition.dir, header));
        self.file = Arc::new(created.await.map_err(io::Error::other)??);
        let segment = Segment {
            header,
            len: HEADER,
            last_millis,
        };
        self.partition.state().segments.push_back(segment);
        self.retain_sealed().await;
        Ok(())
    }

    async fn retain(&mut self) {
        let now = self.options.clock.now();
        let expired = self
            .options
            .limits
            .newest_expired(&self.partition.state().segments, now);
        if expired && !self.broken {
            if let Err(error) = self.roll().await {
                self.note(&error);
            }
        } else {
            self.retain_sealed().await;
        }
    }

    /// Takes expired segments out of sight, then off the disk.
    async fn retain_sealed(&self) {
        let now = self.options.clock.now();
        let oldest = {
            let mut state = self.partition.state();
            let expired = self.options.limits.expired(&state.segments, now);
            if expired == 0 {
                return;
            }
            state.segments.drain(..expired);
            state.segments.front().map_or(0, Segment::first)
        };
        let partition = Arc::clone(&self.partition);
        let removing = spawn_blocking(move || remove_before(&partition.dir, oldest));
        if let Err(error) = removing.await.map_err(io::Error::other).flatten() {
            tracing::warn!(
                %error,
                partition = self.partition.id,
                "removing expired segments failed"
            );
        }
    }
}

/// Removes the files of all segments before `oldest`, also of those that lost their header.
fn remove_before(dir: &Path, oldest: u64) -> io::Result<()> {
    for first in segment::list(dir)? {
        let path = segment::path(dir, first);
        if first < oldest
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(%error, "cannot remove the expired segment {}", path.display());
        }
    }
    Ok(())
}

/// The place where the next record goes.
pub(super) fn end_of(segments: &std::collections::VecDeque<Segment>, next: u64) -> Cursor {
    segments.back().map_or(
        Cursor {
            sequence_number: next,
            segment: next,
            position: HEADER,
            base_offset: 0,
        },
        |active| Cursor {
            sequence_number: next,
            segment: active.first(),
            position: active.len,
            base_offset: active.header.base_offset,
        },
    )
}

/// Writes at the end of the file and syncs. A failed write is taken back.
fn store(mut file: &File, bytes: &[u8], position: u64) -> Appended {
    if let Err(error) = file.write_all(bytes) {
        tracing::error!(%error, "cannot write {} bytes to a log segment", bytes.len());
        let undone = file.set_len(position).and_then(|()| file.sync_all());
        return Err(if undone.is_ok() {
            AppendError::Write
        } else {
            AppendError::Broken
        });
    }
    file.sync_data().map_err(|error| {
        tracing::error!(%error, "cannot sync a log segment");
        AppendError::Broken
    })
}
