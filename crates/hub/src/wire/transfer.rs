//! The transfer performative, by hand: it is read and written once per message.

use bytes::{BufMut, BytesMut};

use super::{Malformed, frame, scan};

/// What a transfer frame says about its delivery; the payload follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) handle: u32,
    /// Present on the first frame of a delivery.
    pub(crate) delivery_id: Option<u32>,
    pub(crate) message_format: Option<u32>,
    pub(crate) settled: bool,
    /// More frames of this delivery follow.
    pub(crate) more: bool,
    pub(crate) aborted: bool,
}

/// Decodes the list of a transfer.
pub(crate) fn decode(list: &[u8]) -> Result<Transfer, Malformed> {
    let mut fields = scan::elements(list).ok_or(Malformed::Fields)?;
    let handle = fields.next().and_then(uint).ok_or(Malformed::Fields)?;
    let delivery_id = fields.next().and_then(uint);
    let message_format = fields.nth(1).and_then(uint);
    let settled = fields.next().is_some_and(truth);
    let more = fields.next().is_some_and(truth);
    let aborted = fields.nth(3).is_some_and(truth);
    Ok(Transfer {
        handle,
        delivery_id,
        message_format,
        settled,
        more,
        aborted,
    })
}

/// An encoded unsigned integer of 32 bits.
pub(crate) fn uint(value: &[u8]) -> Option<u32> {
    match value {
        [0x43] => Some(0),
        [0x52, byte] => Some(u32::from(*byte)),
        [0x70, a, b, c, d] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// Whether an encoded boolean is true; null is false.
pub(crate) fn truth(value: &[u8]) -> bool {
    matches!(value, [0x41] | [0x56, 1])
}

/// One frame of a delivery of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) channel: u16,
    pub(crate) handle: u32,
    pub(crate) delivery_id: u32,
    pub(crate) settled: bool,
    pub(crate) more: bool,
}

/// Bytes that [`begin`] writes: the frame's head and the transfer in full length.
pub(crate) const HEAD_LEN: usize = frame::HEAD + 6 + 5 + 5 + 6 + 1 + 1 + 1 + 5;

/// Begins a transfer frame; the payload follows, then [`frame::finish`].
pub(crate) fn begin(out: &mut BytesMut, head: Head) -> usize {
    let start = frame::begin(out, frame::AMQP, head.channel);
    let truth = |is: bool| if is { 0x41 } else { 0x42 };
    out.put_slice(&[0x00, 0x53, 0x14, 0xc0, 25, 11, 0x70]);
    out.put_u32(head.handle);
    out.put_u8(0x70);
    out.put_u32(head.delivery_id);
    out.put_slice(&[0xa0, 4]);
    out.put_u32(head.delivery_id);
    out.put_slice(&[0x43, truth(head.settled), truth(head.more)]);
    out.put_slice(&[0x40, 0x40, 0x40, 0x40, 0x40]);
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::performative::{self, Performative};

    #[test]
    fn a_transfer_is_read_back_with_its_payload() {
        let mut out = BytesMut::new();
        let head = Head {
            channel: 3,
            handle: 300,
            delivery_id: 70_000,
            settled: true,
            more: false,
        };
        let start = begin(&mut out, head);
        assert_eq!(out.len(), HEAD_LEN);
        out.put_slice(b"payload");
        frame::finish(&mut out, start);
        let read = frame::decode(&mut out).unwrap().unwrap();
        let (performative, payload) = performative::decode(read.body).unwrap();
        let Performative::Transfer(transfer) = performative else {
            panic!("not a transfer");
        };
        assert_eq!(payload, "payload");
        assert_eq!((transfer.handle, transfer.delivery_id), (300, Some(70_000)));
        assert!(transfer.settled && !transfer.more && !transfer.aborted);
    }

    #[test]
    fn a_short_list_has_defaults() {
        let transfer = decode(&[0xc0, 3, 1, 0x52, 9]).unwrap();
        assert_eq!((transfer.handle, transfer.delivery_id), (9, None));
        assert!(!transfer.settled && !transfer.more);
    }
}
