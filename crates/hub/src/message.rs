//! Events as messages: taken apart when they are sent, put together when they are delivered.
//!
//! What a sender wrote is kept as the bytes it wrote: the header, the annotations that are not the
//! broker's, and everything from the properties on. The broker's own annotations (sequence number,
//! offset, enqueued time, partition key) are written in front of every delivery.

use bytes::{BufMut, Bytes, BytesMut};

use crate::log::RecordView;
use crate::wire::{Malformed, performative, scan};

/// The message format of a batch: each data section holds one encoded message.
pub(crate) const BATCH_FORMAT: u32 = 0x8001_3700;
const PARTITION_KEY: &[u8] = b"x-opt-partition-key";
/// Annotations that only the broker writes; what a sender says in them is dropped.
const RESERVED: [&[u8]; 3] = [
    b"x-opt-sequence-number",
    b"x-opt-offset",
    b"x-opt-enqueued-time",
];

/// An event on its way into the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewEvent {
    pub(crate) partition_key: Option<Bytes>,
    /// The header section as sent, or empty.
    pub(crate) header: Bytes,
    /// Encoded keys and values of the sender's own message annotations.
    pub(crate) annotations: Bytes,
    /// How many keys and values `annotations` holds.
    pub(crate) annotation_values: u16,
    /// From the properties to the footer, as sent.
    pub(crate) rest: Bytes,
}

impl NewEvent {
    /// Bytes of content.
    pub(crate) fn len(&self) -> usize {
        let key = self.partition_key.as_ref().map_or(0, Bytes::len);
        key + self.header.len() + self.annotations.len() + self.rest.len()
    }
}

/// One section of a message: its code, its whole extent, its value.
struct Section {
    code: u64,
    whole: Bytes,
    value: Bytes,
}

fn next_section(rest: &mut Bytes) -> Result<Option<Section>, Malformed> {
    if rest.is_empty() {
        return Ok(None);
    }
    let len = scan::skip(rest)?;
    let whole = rest.split_to(len);
    let (code, value) = performative::described(&whole)?;
    let value = whole.slice_ref(value);
    Ok(Some(Section { code, whole, value }))
}

/// The events that a delivery holds: one, or those of a batch.
pub(crate) fn events(format: u32, message: Bytes) -> Result<Vec<NewEvent>, Malformed> {
    if format != BATCH_FORMAT {
        return Ok(vec![event(message)?]);
    }
    let mut rest = message;
    let mut key = None;
    let mut events = Vec::new();
    while let Some(section) = next_section(&mut rest)? {
        match section.code {
            0x72 => key = annotations(&section.value)?.0,
            0x75 => {
                let body = scan::bytes_of(&section.value).ok_or(Malformed::Fields)?;
                events.push(event(section.value.slice_ref(body))?);
            }
            _ => {}
        }
    }
    for event in &mut events {
        if event.partition_key.is_none() {
            event.partition_key.clone_from(&key);
        }
    }
    Ok(events)
}

fn event(message: Bytes) -> Result<NewEvent, Malformed> {
    let mut event = NewEvent::default();
    let mut rest = message;
    loop {
        let before = rest.clone();
        let Some(section) = next_section(&mut rest)? else {
            break;
        };
        match section.code {
            0x70 => event.header = section.whole,
            0x71 => {}
            0x72 => {
                (
                    event.partition_key,
                    event.annotations,
                    event.annotation_values,
                ) = annotations(&section.value)?;
            }
            0x73..=0x78 => {
                while next_section(&mut rest)?.is_some() {}
                event.rest = before;
                break;
            }
            other => return Err(Malformed::Performative(other)),
        }
    }
    Ok(event)
}

/// The partition key, and the sender's other annotations with the number of their values.
fn annotations(map: &Bytes) -> Result<(Option<Bytes>, Bytes, u16), Malformed> {
    let mut values = scan::elements(map).ok_or(Malformed::Fields)?;
    let mut key = None;
    let mut kept = BytesMut::new();
    let mut count: u16 = 0;
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        let text = scan::bytes_of(name).unwrap_or_default();
        if text == PARTITION_KEY {
            key = scan::bytes_of(value).map(|bytes| map.slice_ref(bytes));
        } else if !RESERVED.contains(&text) {
            kept.put_slice(name);
            kept.put_slice(value);
            count = count.checked_add(2).ok_or(Malformed::Size)?;
        }
    }
    if key.as_ref().is_some_and(|key| key.len() > MAX_KEY) {
        return Err(Malformed::Size);
    }
    Ok((key, kept.freeze(), count))
}

/// Longest partition key, in bytes; it has to fit the record.
const MAX_KEY: usize = 4_096;

/// Appends the message that delivers `record`. `runtime` is a delivery-annotations section or empty.
pub(crate) fn put_delivery(
    out: &mut BytesMut,
    record: &RecordView<'_>,
    offset: u64,
    runtime: &[u8],
) {
    out.put_slice(record.header);
    out.put_slice(runtime);
    out.put_slice(&[0x00, 0x53, 0x72, 0xd1]);
    let start = out.len();
    out.put_slice(&[0; 8]);
    out.put_slice(b"\xa3\x15x-opt-sequence-number\x81");
    out.put_u64(record.sequence_number);
    let mut digits = [0; 20];
    let offset = decimal(offset, &mut digits);
    out.put_slice(b"\xa3\x0cx-opt-offset\xa1");
    out.put_u8(u8::try_from(offset.len()).unwrap_or(0));
    out.put_slice(offset);
    out.put_slice(b"\xa3\x13x-opt-enqueued-time\x83");
    out.put_i64(record.enqueued_millis);
    let mut values = 6 + u32::from(record.annotation_values);
    if let Some(key) = record.partition_key {
        out.put_slice(b"\xa3\x13x-opt-partition-key\xb1");
        out.put_u32(u32::try_from(key.len()).unwrap_or(0));
        out.put_slice(key);
        values += 2;
    }
    out.put_slice(record.annotations);
    let size = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&values.to_be_bytes());
    out.put_slice(record.rest);
}

/// A number as decimal text, without allocating.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// The content of the data sections of an event, joined; empty if it has another kind of body.
pub(crate) fn body(rest: &[u8]) -> Vec<u8> {
    let mut rest = Bytes::copy_from_slice(rest);
    let mut body = Vec::new();
    while let Ok(Some(section)) = next_section(&mut rest) {
        if section.code == 0x75 {
            body.extend_from_slice(scan::bytes_of(&section.value).unwrap_or_default());
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(content: &[u8]) -> Vec<u8> {
        let mut section = vec![0x00, 0x53, 0x75, 0xb0];
        section.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        section.extend(content);
        section
    }

    fn keyed(key: &str) -> Vec<u8> {
        let mut section = b"\x00\x53\x72\xc1".to_vec();
        let size = 1 + 21 + 2 + key.len();
        section.extend([u8::try_from(size).unwrap(), 2]);
        section.extend(b"\xa3\x13x-opt-partition-key\xa1");
        section.push(u8::try_from(key.len()).unwrap());
        section.extend(key.as_bytes());
        section
    }

    #[test]
    fn a_batch_is_its_messages_with_the_key_of_the_envelope() {
        let mut batch = keyed("k1");
        batch.extend(data(&data(b"one")));
        batch.extend(data(&data(b"two")));
        let events = events(BATCH_FORMAT, Bytes::from(batch)).unwrap();
        let bodies: Vec<_> = events.iter().map(|event| body(&event.rest)).collect();
        assert_eq!(bodies, [b"one".to_vec(), b"two".to_vec()]);
        assert!(
            events
                .iter()
                .all(|event| event.partition_key.as_deref() == Some(b"k1"))
        );
    }

    #[test]
    fn a_delivery_carries_the_brokers_annotations_once() {
        let mut message = keyed("k1");
        message.extend(data(b"one"));
        let event = events(0, Bytes::from(message)).unwrap().remove(0);
        let record = RecordView {
            sequence_number: 7,
            enqueued_millis: 1,
            partition_key: event.partition_key.as_deref(),
            header: &event.header,
            annotations: &event.annotations,
            annotation_values: event.annotation_values,
            rest: &event.rest,
        };
        let mut out = BytesMut::new();
        put_delivery(&mut out, &record, 1_234, &[]);
        let again = events_of(out);
        assert_eq!(again, event);
    }

    fn events_of(out: BytesMut) -> NewEvent {
        events(0, out.freeze()).unwrap().remove(0)
    }

    proptest! {
        #[test]
        fn garbage_is_refused_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..256),
            format in prop_oneof![Just(0), Just(BATCH_FORMAT)],
        ) {
            drop(events(format, Bytes::from(bytes)));
        }

        #[test]
        fn numbers_are_written_in_decimal(number: u64) {
            let mut digits = [0; 20];
            let text = number.to_string();
            prop_assert_eq!(decimal(number, &mut digits), text.as_bytes());
        }
    }
}
