//! One record: an event as it lies in a segment.
//!
//! ```text
//! length u32 | crc32 u32 | sequence number u64 | enqueued i64 (ms) | header length u32
//!   | annotations length u32 | annotation values u16 | key length u16 (0xffff: none)
//!   | key | header | annotations | rest
//! ```
//! All big-endian. `length` counts what follows the checksum; the checksum covers that and the
//! length, so that a length of garbage is not believed.

use bytes::{Buf, BufMut, BytesMut};

use crate::message::NewEvent;

/// Bytes before the content that `length` counts.
pub(crate) const PREFIX: usize = 8;
const FIXED: usize = 8 + 8 + 4 + 4 + 2 + 2;
const NO_KEY: u16 = u16::MAX;
/// No record is longer; a length above it is garbage.
const MAX_LENGTH: usize = 8 * 1_048_576;

/// A record, borrowed from the bytes it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordView<'a> {
    pub(crate) sequence_number: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) enqueued_millis: i64,
    pub(crate) partition_key: Option<&'a [u8]>,
    pub(crate) header: &'a [u8],
    pub(crate) annotations: &'a [u8],
    pub(crate) annotation_values: u16,
    pub(crate) rest: &'a [u8],
}

/// Appends the record of an event.
pub(crate) fn encode(out: &mut BytesMut, event: &NewEvent, sequence_number: u64, millis: i64) {
    let start = out.len();
    out.put_slice(&[0; PREFIX]);
    out.put_u64(sequence_number);
    out.put_i64(millis);
    out.put_u32(u32::try_from(event.header.len()).unwrap_or(u32::MAX));
    out.put_u32(u32::try_from(event.annotations.len()).unwrap_or(u32::MAX));
    out.put_u16(event.annotation_values);
    let key = event.partition_key.as_deref();
    out.put_u16(key.map_or(NO_KEY, |key| u16::try_from(key.len()).unwrap_or(NO_KEY)));
    out.put_slice(key.unwrap_or_default());
    out.put_slice(&event.header);
    out.put_slice(&event.annotations);
    out.put_slice(&event.rest);
    let length = u32::try_from(out.len() - start - PREFIX).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    let checksum = checksum(&out[start..]);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_be_bytes());
}

fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[..4]);
    hasher.update(&record[PREFIX..]);
    hasher.finalize()
}

/// The whole length of the record at the beginning of `bytes`, as its prefix says; `None` when
/// fewer than four bytes are there or the length is impossible.
pub(crate) fn len(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.first_chunk::<4>()?);
    let length = usize::try_from(length).ok()?;
    (FIXED..=MAX_LENGTH)
        .contains(&length)
        .then_some(PREFIX + length)
}

/// The record at the beginning of `bytes`, if it is complete and its checksum is right.
pub(crate) fn verified(bytes: &[u8]) -> Option<RecordView<'_>> {
    let record = bytes.get(..len(bytes)?)?;
    let stored = u32::from_be_bytes(*record.get(4..)?.first_chunk::<4>()?);
    if checksum(record) != stored {
        return None;
    }
    view(record)
}

/// The record that `record` exactly holds, without a look at the checksum.
pub(crate) fn view(record: &[u8]) -> Option<RecordView<'_>> {
    let mut fixed = record.get(PREFIX..PREFIX + FIXED)?;
    let sequence_number = fixed.get_u64();
    let enqueued_millis = fixed.get_i64();
    let header = usize::try_from(fixed.get_u32()).ok()?;
    let annotations = usize::try_from(fixed.get_u32()).ok()?;
    let annotation_values = fixed.get_u16();
    let key = fixed.get_u16();
    let content = record.get(PREFIX + FIXED..)?;
    let key_len = if key == NO_KEY { 0 } else { usize::from(key) };
    let (key_bytes, content) = content.split_at_checked(key_len)?;
    let (header, content) = content.split_at_checked(header)?;
    let (annotations, rest) = content.split_at_checked(annotations)?;
    Some(RecordView {
        sequence_number,
        enqueued_millis,
        partition_key: (key != NO_KEY).then_some(key_bytes),
        header,
        annotations,
        annotation_values,
        rest,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn event() -> NewEvent {
        NewEvent {
            partition_key: Some(Bytes::from_static(b"key")),
            header: Bytes::from_static(b"header"),
            annotations: Bytes::from_static(b"annotations"),
            annotation_values: 2,
            rest: Bytes::from_static(b"the rest"),
        }
    }

    #[test]
    fn a_record_is_read_back() {
        let mut out = BytesMut::new();
        encode(&mut out, &event(), 7, 99);
        let read = verified(&out).unwrap();
        assert_eq!((read.sequence_number, read.enqueued_millis), (7, 99));
        assert_eq!(read.partition_key, Some(&b"key"[..]));
        assert_eq!(read.rest, b"the rest");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let mut out = BytesMut::new();
        encode(&mut out, &event(), 7, 99);
        for cut in 0..out.len() {
            assert!(verified(&out[..cut]).is_none(), "cut at {cut}");
        }
        for bit in 0..out.len() * 8 {
            let mut damaged = out.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(verified(&damaged).is_none(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            prop_assert!(verified(&bytes).is_none());
            prop_assert!(view(&bytes).is_none_or(|view| view.rest.len() <= bytes.len()));
        }
    }
}
