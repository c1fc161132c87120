//! Reading: from a start to a cursor, from a cursor to a chunk of records.
//!
//! A chunk holds whole records only. It comes from the tail cache at once, or from the file on a
//! blocking thread. A cursor whose events have expired is moved to the first one still there, and
//! one that meets damage in a sealed segment to the next segment: a disk that lost what it had
//! confirmed costs what is behind that in the same segment, and not the partition. Records have nothing
//! by which they could be found again in the midst of a file but what a sender may have written too.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::partition::{Partition, State};
use super::position::{Cursor, Start};
use super::record;
use super::scanner::Scanner;
use super::segment::{self, HEADER, Segment};
use super::writer::end_of;

/// The answer to a cursor.
pub(crate) enum Fetch {
    Ready(Bytes),
    /// Nothing to read yet; a watcher is notified when there is.
    AtEnd,
    OnDisk(DiskRead),
}

/// A read that has to be done on a blocking thread.
pub(crate) struct DiskRead {
    path: PathBuf,
    position: u64,
    /// Synced bytes from `position` on.
    available: u64,
}

impl Partition {
    /// The records at a cursor.
    pub(crate) fn fetch(&self, cursor: &mut Cursor) -> Fetch {
        let state = self.state();
        let Some(oldest) = state.segments.front() else {
            return Fetch::AtEnd;
        };
        if cursor.segment < oldest.first() {
            *cursor = beginning(oldest);
        }
        if cursor.sequence_number >= state.next {
            return Fetch::AtEnd;
        }
        if let Some(bytes) = state.cache.get(cursor) {
            return Fetch::Ready(bytes);
        }
        let asked = *cursor;
        let segment = segment_at(&state, cursor);
        drop(state);
        self.note_missing(&asked, cursor);
        let Some(segment) = segment else {
            return Fetch::AtEnd;
        };
        Fetch::OnDisk(DiskRead {
            path: segment::path(&self.dir, segment.first()),
            position: cursor.position,
            available: segment.len - cursor.position,
        })
    }

    /// Moves a cursor that met damage on to the next segment; false when there is none. One whose
    /// segment has expired meanwhile is moved on by the next fetch.
    pub(crate) fn step_over_damage(&self, cursor: &mut Cursor) -> bool {
        let next = {
            let segments = &self.state().segments;
            if segments
                .front()
                .is_some_and(|oldest| cursor.segment < oldest.first())
            {
                return true;
            }
            let at = segments.partition_point(|segment| segment.first() <= cursor.segment);
            segments.get(at).copied()
        };
        let Some(next) = next else {
            return false;
        };
        let damaged = *cursor;
        *cursor = beginning(&next);
        self.note_missing(&damaged, cursor);
        true
    }

    /// Tells of the events that a cursor passed over because the log no longer has them.
    fn note_missing(&self, from: &Cursor, to: &Cursor) {
        if to.sequence_number > from.sequence_number {
            tracing::error!(
                partition = self.id,
                "the log is damaged from byte {} of {} on: events {} to {} of partition {} are lost, \
                 receivers go on behind them",
                from.position,
                segment::path(&self.dir, from.segment).display(),
                from.sequence_number,
                to.sequence_number - 1,
                self.id,
            );
        }
    }

    /// Whether there is something after the cursor.
    pub(crate) fn is_behind(&self, cursor: &Cursor) -> bool {
        cursor.sequence_number < self.state().next
    }

    /// Finds where a receiver begins. Reads at most one segment.
    pub(crate) async fn position(self: &Arc<Self>, start: Start) -> io::Result<Cursor> {
        let (segment, end) = {
            let state = self.state();
            let end = end_of(&state.segments, state.next);
            (candidate(&state, start), end)
        };
        let Some(segment) = segment else {
            return Ok(end);
        };
        let partition = Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || find(&partition, &segment, start));
        found.await.map_err(io::Error::other)?
    }
}

fn beginning(segment: &Segment) -> Cursor {
    Cursor {
        sequence_number: segment.first(),
        segment: segment.first(),
        position: HEADER,
        base_offset: segment.header.base_offset,
    }
}

/// The segment in which the cursor's record lies; moves the cursor on from the end of one.
fn segment_at(state: &State, cursor: &mut Cursor) -> Option<Segment> {
    let at = state
        .segments
        .partition_point(|segment| segment.first() <= cursor.segment);
    let segment = *state.segments.get(at.checked_sub(1)?)?;
    if segment.first() == cursor.segment && cursor.position < segment.len {
        return Some(segment);
    }
    // Of one that was just begun nothing is there yet; of another one the disk may have lost all.
    let mut later = state.segments.range(at..);
    let next = later.find(|segment| segment.len > HEADER);
    *cursor = beginning(next.or(state.segments.back())?);
    next.copied()
}

/// The last segment that may hold the record before the start; `None` for the end of the log.
fn candidate(state: &State, start: Start) -> Option<Segment> {
    let begins_by = |segment: &Segment| match start {
        Start::Latest => true,
        Start::Offset { after } => {
            i64::try_from(segment.header.base_offset).is_ok_and(|n| n <= after)
        }
        Start::SequenceNumber { after } => i64::try_from(segment.first()).is_ok_and(|n| n <= after),
        Start::EnqueuedTime { after } => segment.header.previous_millis <= after,
    };
    if start == Start::Latest {
        return None;
    }
    let at = state.segments.partition_point(begins_by);
    state.segments.get(at.saturating_sub(1)).copied()
}

fn find(partition: &Partition, segment: &Segment, start: Start) -> io::Result<Cursor> {
    let path = segment::path(&partition.dir, segment.first());
    let mut cursor = beginning(segment);
    let mut scanner = match Scanner::open(&path, HEADER, segment.len) {
        Ok(scanner) => scanner,
        // Expired meanwhile: the first fetch moves the cursor to what is there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(cursor),
        Err(error) => return Err(error),
    };
    while let Some(scanned) = scanner.next()? {
        let read = record::view(&scanned.bytes);
        if read.is_some_and(|read| start.admits(&read, cursor.offset())) {
            break;
        }
        cursor.advance(scanned.bytes.len());
    }
    Ok(cursor)
}

impl DiskRead {
    /// Reads whole, verified records of about `chunk` bytes, or one that is larger. Blocks.
    pub(crate) fn run(self, chunk: u64) -> io::Result<Bytes> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.position))?;
        let mut bytes = Vec::new();
        let mut wanted = chunk.min(self.available);
        loop {
            let missing = wanted - bytes.len() as u64;
            let read = (&mut file).take(missing).read_to_end(&mut bytes)?;
            let whole = whole_records(&bytes);
            if whole > 0 {
                bytes.truncate(whole);
                return Ok(Bytes::from(bytes));
            }
            let first = record::len(&bytes).map_or(0, |len| len as u64);
            if read == 0 || first <= bytes.len() as u64 || first > self.available {
                return Err(self.damaged());
            }
            wanted = first;
        }
    }

    fn damaged(&self) -> io::Error {
        let path = self.path.display();
        let text = format!("{path} is damaged at byte {}", self.position);
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

/// How many bytes at the beginning are whole, sound records.
fn whole_records(bytes: &[u8]) -> usize {
    let mut at = 0;
    while record::verified(&bytes[at..]).is_some() {
        at += record::len(&bytes[at..]).unwrap_or(0);
    }
    at
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rollcall_model::SystemClock;

    use super::super::partition::Options;
    use super::super::retention::Limits;
    use super::super::segment::Header;
    use super::*;

    #[test]
    fn a_cursor_at_the_end_of_a_segment_that_expired_goes_on_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            limits: Limits::new(Duration::MAX, None, 1),
            cache_bytes: 0,
            clock: Arc::new(SystemClock),
            lock: Arc::new(File::open(dir.path()).unwrap()),
        };
        let (partition, _writer) = Partition::open(0, dir.path(), options).unwrap();
        let next = Segment {
            header: Header {
                first_sequence_number: 5,
                base_offset: 500,
                previous_offset: 400,
                previous_millis: 0,
            },
            len: HEADER + 100,
            last_millis: 0,
        };
        {
            let mut state = partition.state();
            state.segments = [next].into();
            state.next = 7;
        }
        let mut cursor = Cursor {
            sequence_number: 5,
            segment: 0,
            position: HEADER + 500,
            base_offset: 0,
        };
        assert!(matches!(partition.fetch(&mut cursor), Fetch::OnDisk(_)));
        assert_eq!(cursor, beginning(&next));
    }
}
