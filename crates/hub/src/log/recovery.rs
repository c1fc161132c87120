//! Opens a partition's log after a stop or a crash.
//!
//! Sealed segments are taken by their header and length; only the newest is read through, so a log
//! of any length is open after at most one segment's worth of reading. Whatever does not check at the
//! end of the newest segment was never synced (a sync precedes every acknowledgement and every
//! delivery), so it is cut off. A newest file that is no more than a torn header was never used and is
//! removed.
//!
//! A disk may lose what it had confirmed. Of that, a cut cannot be told from an end that was never
//! synced. A sealed segment without a sound header is passed over: the next one says where the numbers
//! go on. A newest one of which more is there than a header is refused, for nobody knows which numbers
//! it gave.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::record;
use super::scanner::Scanner;
use super::segment::{self, HEADER, Header, Segment};
use crate::Error;

/// A log that is ready for appends.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) segments: VecDeque<Segment>,
    /// The next sequence number.
    pub(super) next: u64,
    /// −1 while nothing was ever enqueued.
    pub(super) last_offset: i64,
    pub(super) last_millis: i64,
    /// The newest segment, positioned by its append mode.
    pub(super) file: File,
    /// Bytes that were cut off.
    pub(super) cut: u64,
}

/// Opens the log in `dir`, which is created if it is not there.
pub(super) fn open(dir: &Path) -> Result<Recovered, Error> {
    let failed = |source| Error::Log {
        dir: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(failed)?;
    let mut firsts = segment::list(dir).map_err(failed)?;
    while let Some(last) = firsts.last().copied()
        && segment::read_header(dir, last).map_err(failed)?.is_none()
    {
        let path = segment::path(dir, last);
        let unused = fs::metadata(&path).map_err(failed)?.len() <= HEADER;
        // Where the offsets stand, a segment before it would say.
        let alone = firsts.len() == 1 && last != 0;
        if !unused || alone {
            return Err(Error::Damaged { path, position: 0 });
        }
        fs::remove_file(path).map_err(failed)?;
        firsts.pop();
    }
    if firsts.is_empty() {
        segment::create(dir, BEGINNING).map_err(failed)?;
        firsts.push(0);
    }
    let segments = sealed(dir, &firsts).map_err(failed)?;
    newest(dir, segments).map_err(failed)
}

const BEGINNING: Header = Header {
    first_sequence_number: 0,
    base_offset: 0,
    previous_offset: -1,
    previous_millis: i64::MIN,
};

/// Every segment with a header, as that and the file's length tell, the times taken from the header
/// that follows.
fn sealed(dir: &Path, firsts: &[u64]) -> io::Result<VecDeque<Segment>> {
    let mut segments: VecDeque<Segment> = VecDeque::with_capacity(firsts.len());
    for &first in firsts {
        let Some(header) = segment::read_header(dir, first)? else {
            tracing::error!(
                "{} has lost its header: its events are lost, receivers go on behind them",
                segment::path(dir, first).display()
            );
            continue;
        };
        if let Some(before) = segments.back_mut() {
            before.last_millis = header.previous_millis;
        }
        segments.push_back(Segment {
            header,
            len: fs::metadata(segment::path(dir, first))?.len(),
            last_millis: header.previous_millis,
        });
    }
    Ok(segments)
}

/// Reads the newest segment through and cuts off what does not check.
fn newest(dir: &Path, mut segments: VecDeque<Segment>) -> io::Result<Recovered> {
    let Some(mut active) = segments.pop_back() else {
        return Err(io::Error::other("a log has at least one segment"));
    };
    let path = segment::path(dir, active.first());
    let mut next = active.first();
    let mut last_offset = active.header.previous_offset;
    let mut scanner = Scanner::open(&path, HEADER, active.len)?;
    let mut end = HEADER;
    while let Some(scanned) = scanner.next()? {
        let Some(read) = record::view(&scanned.bytes).filter(|read| read.sequence_number == next)
        else {
            break;
        };
        next += 1;
        active.last_millis = read.enqueued_millis;
        last_offset = i64::try_from(active.offset_at(scanned.position)).unwrap_or(i64::MAX);
        end = scanner.position();
    }
    let file = File::options().append(true).open(&path)?;
    let cut = active.len - end;
    if cut > 0 {
        file.set_len(end)?;
    }
    file.sync_all()?;
    active.len = end;
    segments.push_back(active);
    Ok(Recovered {
        segments,
        next,
        last_offset,
        last_millis: active.last_millis,
        file,
        cut,
    })
}
