//! Where a receiver begins, and where it stands.
//!
//! | start | the first event delivered |
//! |---|---|
//! | `SequenceNumber { after: 7 }` | 8, or the first one still there |
//! | `Offset { after: o }` | the first with an offset greater than `o` |
//! | `EnqueuedTime { after: t }` | the first enqueued later than `t` (milliseconds) |
//! | `Latest` | the first enqueued after the receiver was attached |
//!
//! An inclusive start is the exclusive one of the number before.

use super::record::RecordView;

/// The first event a receiver wants. All bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Offset { after: i64 },
    SequenceNumber { after: i64 },
    EnqueuedTime { after: i64 },
    Latest,
}

impl Start {
    /// Whether this record may be the first.
    pub(crate) fn admits(self, record: &RecordView<'_>, offset: u64) -> bool {
        let exceeds = |number: u64, after: i64| i64::try_from(number).is_ok_and(|n| n > after);
        match self {
            Self::Offset { after } => exceeds(offset, after),
            Self::SequenceNumber { after } => exceeds(record.sequence_number, after),
            Self::EnqueuedTime { after } => record.enqueued_millis > after,
            Self::Latest => true,
        }
    }
}

/// The next record of a receiver: its number, its segment and its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) sequence_number: u64,
    /// First sequence number of the segment.
    pub(crate) segment: u64,
    /// Byte in the segment's file.
    pub(crate) position: u64,
    /// The offset of the segment's first record.
    pub(crate) base_offset: u64,
}

impl Cursor {
    pub(crate) fn offset(&self) -> u64 {
        self.base_offset + self.position.saturating_sub(super::segment::HEADER)
    }

    /// Steps over a record of `len` bytes.
    pub(crate) fn advance(&mut self, len: usize) {
        self.sequence_number += 1;
        self.position += len as u64;
    }
}
