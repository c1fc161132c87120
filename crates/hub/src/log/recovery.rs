//! Opens a partition's log after a stop or a crash.
//!
//! Sealed segments are taken by their header and length; only the newest is read through, so a log
//! of any length is open after at most one segment's worth of reading. Whatever does not check in
//! the newest segment was never synced (a sync precedes every acknowledgement and every delivery),
//! so it is cut off. A newest file whose header is torn was never used and is removed.
//!
//! A disk may lose what it had confirmed. Then the log goes on without what is lost: a sealed segment
//! whose header does not check is passed over, and a newest one that holds more than such a header is
//! set aside, for somebody to look at.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::record;
use super::scanner::Scanner;
use super::segment::{self, HEADER, Header, Segment};

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
pub(super) fn open(dir: &Path) -> io::Result<Recovered> {
    fs::create_dir_all(dir)?;
    let mut firsts = segment::list(dir)?;
    if let Some(last) = firsts.last().copied()
        && segment::read_header(dir, last)?.is_none()
    {
        if firsts.len() == 1 && last != 0 {
            return Err(damaged(dir, last));
        }
        discard(&segment::path(dir, last))?;
        firsts.pop();
    }
    if firsts.is_empty() {
        segment::create(dir, BEGINNING)?;
        firsts.push(0);
    }
    let segments = sealed(dir, &firsts)?;
    newest(dir, segments)
}

const BEGINNING: Header = Header {
    first_sequence_number: 0,
    base_offset: 0,
    previous_offset: -1,
    previous_millis: i64::MIN,
};

/// Takes a newest segment without a header out of the log.
fn discard(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.len() <= HEADER {
        return fs::remove_file(path);
    }
    let aside = path.with_extension("damaged");
    tracing::error!(
        "{} has lost its header: its events are lost, and it is set aside as {}",
        path.display(),
        aside.display()
    );
    fs::rename(path, aside)
}

fn damaged(dir: &Path, first: u64) -> io::Error {
    let path = segment::path(dir, first);
    let text = format!(
        "{} is no log segment: its header is damaged",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, text)
}

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
