//! Reads the logs without a hub, and safely beside a running one.
//!
//! The tail of a partition that is being written ends at the last whole record. What a running hub
//! has written but not yet synced can be among it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use rollcall_model::Timestamp;

use crate::log::record;
use crate::log::scanner::Scanner;
use crate::log::segment::{self, HEADER};
use crate::manifest::Manifest;
use crate::{Error, hub, message};

/// An event as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpedEvent {
    /// The partition's id.
    pub partition_id: u32,
    /// 0 and up, without holes but for what the disk lost.
    pub sequence_number: u64,
    /// The position that a client resumes from.
    pub offset: u64,
    /// In whole milliseconds, as clients see it.
    pub enqueued_at: Timestamp,
    /// The content of the data sections.
    pub body: Vec<u8>,
    /// What the sender asked the partition to be chosen by.
    pub partition_key: Option<String>,
}

/// The events of all partitions of the log in `dir`, partition by partition, each in order.
///
/// # Errors
/// When there is no log in `dir` or it cannot be read. An item is an error where a segment is damaged:
/// what follows it in that segment is not told, what is in the next ones is.
pub fn dump(dir: &Path) -> Result<impl Iterator<Item = Result<DumpedEvent, Error>> + use<>, Error> {
    let failed = |source| Error::Log {
        dir: dir.to_owned(),
        source,
    };
    let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no log");
    let manifest = Manifest::read(dir).map_err(failed)?;
    let manifest = manifest.ok_or_else(|| failed(missing()))?;
    let dir = dir.to_owned();
    let partitions = 0..manifest.partitions;
    Ok(partitions.flat_map(move |id| Events::open(id, hub::partition_dir(&dir, id))))
}

/// The events of one partition.
struct Events {
    partition_id: u32,
    dir: PathBuf,
    segments: VecDeque<u64>,
    current: Option<Current>,
    /// The number that comes next, if nothing is missing.
    next: u64,
    failed: Option<Error>,
}

/// The segment that is being read.
struct Current {
    path: PathBuf,
    scanner: Scanner,
    base_offset: u64,
}

impl Events {
    fn open(partition_id: u32, dir: PathBuf) -> Self {
        let (segments, failed) = match segment::list(&dir) {
            Ok(segments) => (segments.into(), None),
            Err(source) => (
                VecDeque::new(),
                Some(Error::Log {
                    dir: dir.clone(),
                    source,
                }),
            ),
        };
        Self {
            partition_id,
            dir,
            segments,
            current: None,
            next: 0,
            failed,
        }
    }

    fn try_next(&mut self) -> Result<Option<DumpedEvent>, Error> {
        loop {
            let Some(mut current) = self.current.take() else {
                if self.open_next()? {
                    continue;
                }
                return Ok(None);
            };
            let scanned = current.scanner.next().map_err(|source| Error::Log {
                dir: current.path.clone(),
                source,
            })?;
            if let Some(scanned) = scanned
                && let Some(view) = record::view(&scanned.bytes)
            {
                let offset = current.base_offset + (scanned.position - HEADER);
                let event = self.event(&view, offset);
                self.next = event.sequence_number + 1;
                self.current = Some(current);
                return Ok(Some(event));
            }
            // Every segment but the newest is whole: the next one begins with the next number.
            let follows = self.segments.front();
            if follows.is_some_and(|first| *first != self.next) {
                let position = current.scanner.position();
                let path = current.path;
                return Err(Error::Damaged { path, position });
            }
        }
    }

    fn event(&self, view: &record::RecordView<'_>, offset: u64) -> DumpedEvent {
        let key = view.partition_key;
        DumpedEvent {
            partition_id: self.partition_id,
            sequence_number: view.sequence_number,
            offset,
            enqueued_at: Timestamp::from_millis(view.enqueued_millis),
            body: message::body(view.rest),
            partition_key: key.map(|key| String::from_utf8_lossy(key).into_owned()),
        }
    }

    /// Opens the next segment that is still there; false when none is.
    fn open_next(&mut self) -> Result<bool, Error> {
        while let Some(first) = self.segments.pop_front() {
            self.next = first;
            match self.open_segment(first) {
                Ok(Some(current)) => {
                    self.current = Some(current);
                    return Ok(true);
                }
                // A header that is being written: nothing is in that segment yet.
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let path = segment::path(&self.dir, first);
                    return Err(Error::Damaged { path, position: 0 });
                }
                Err(source) => {
                    let dir = self.dir.clone();
                    return Err(Error::Log { dir, source });
                }
            }
        }
        Ok(false)
    }

    fn open_segment(&self, first: u64) -> io::Result<Option<Current>> {
        let path = segment::path(&self.dir, first);
        let len = std::fs::metadata(&path)?.len();
        let Some(header) = segment::read_header(&self.dir, first)? else {
            let is_used = len > HEADER || !self.segments.is_empty();
            let lost = io::Error::new(io::ErrorKind::InvalidData, "the header is lost");
            return if is_used { Err(lost) } else { Ok(None) };
        };
        Ok(Some(Current {
            scanner: Scanner::open(&path, HEADER, len)?,
            base_offset: header.base_offset,
            path,
        }))
    }
}

impl Iterator for Events {
    type Item = Result<DumpedEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.failed.take() {
            Some(error) => Some(Err(error)),
            None => self.try_next().transpose(),
        }
    }
}
