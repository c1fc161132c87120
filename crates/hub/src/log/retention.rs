//! Which segments have expired.
//!
//! A segment goes as a whole, when its last event is older than the retention or the log is larger
//! than its share of the bytes. The newest one is never removed, only closed (a new, empty one takes
//! its place) when all its events have expired.

use std::collections::VecDeque;
use std::time::Duration;

use rollcall_model::Timestamp;

use super::segment::{HEADER, Segment};

/// How long and how much a partition keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) age: Duration,
    /// Bytes per partition.
    pub(crate) bytes: Option<u64>,
    /// A segment is closed when its records take this many bytes.
    pub(crate) segment_bytes: u64,
}

/// The bytes of a segment where nothing asks for fewer.
const SEGMENT_BYTES: u64 = 16 * 1_048_576;
/// However small the retention, a segment is not made smaller.
const MIN_SEGMENT_BYTES: u64 = 65_536;

impl Limits {
    /// `bytes` is for the whole hub and is shared evenly.
    pub(crate) fn new(age: Duration, bytes: Option<u64>, partitions: u32) -> Self {
        let bytes = bytes.map(|bytes| bytes / u64::from(partitions.max(1)));
        let eighth = bytes.map_or(SEGMENT_BYTES, |bytes| bytes / 8);
        Self {
            age,
            bytes,
            segment_bytes: eighth.clamp(MIN_SEGMENT_BYTES, SEGMENT_BYTES),
        }
    }

    /// Whether the newest segment holds events and all of them have expired.
    pub(super) fn newest_expired(&self, segments: &VecDeque<Segment>, now: Timestamp) -> bool {
        segments
            .back()
            .is_some_and(|newest| newest.len > HEADER && self.too_old(newest, now))
    }

    /// How many of the oldest segments have expired.
    pub(super) fn expired(&self, segments: &VecDeque<Segment>, now: Timestamp) -> usize {
        let sealed = segments.len().saturating_sub(1);
        let mut bytes: u64 = segments.iter().map(|segment| segment.len).sum();
        let mut expired = 0;
        for segment in segments.iter().take(sealed) {
            let too_many = self.bytes.is_some_and(|limit| bytes > limit);
            if !too_many && !self.too_old(segment, now) {
                break;
            }
            bytes -= segment.len;
            expired += 1;
        }
        expired
    }

    fn too_old(&self, segment: &Segment, now: Timestamp) -> bool {
        segment.last_millis < now.minus(self.age).as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::Header;
    use super::*;

    fn segments(last_millis: &[i64]) -> VecDeque<Segment> {
        let segment = |&last_millis| Segment {
            header: Header {
                first_sequence_number: 0,
                base_offset: 0,
                previous_offset: -1,
                previous_millis: 0,
            },
            len: 1_000,
            last_millis,
        };
        last_millis.iter().map(segment).collect()
    }

    #[test]
    fn the_oldest_go_by_age_or_by_bytes_and_the_newest_never() {
        let now = Timestamp::from_millis(10_000);
        let by_age = Limits::new(Duration::from_secs(5), None, 1);
        assert_eq!(
            by_age.expired(&segments(&[1_000, 4_999, 5_000, 9_000]), now),
            2
        );
        assert_eq!(by_age.expired(&segments(&[1_000]), now), 0);
        assert!(by_age.newest_expired(&segments(&[1_000]), now));
        let by_bytes = Limits::new(Duration::from_secs(3_600), Some(2_000), 1);
        assert_eq!(by_bytes.expired(&segments(&[9_000; 5]), now), 3);
    }
}
