//! Frames: the eight-byte head, its limits, and the protocol headers before them.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Malformed;

/// The largest frame this broker takes, in bytes. A read buffer is never larger than one of these
/// plus one read.
pub(crate) const MAX_FRAME_SIZE: u32 = 262_144;
/// No peer may ask for smaller frames (AMQP 1.0, 2.7.1).
pub(crate) const MIN_MAX_FRAME_SIZE: u32 = 512;
pub(crate) const HEAD: usize = 8;
pub(crate) const AMQP: u8 = 0;
pub(crate) const SASL: u8 = 1;
pub(crate) const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
pub(crate) const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";

/// One frame. An empty `body` is a heartbeat.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) channel: u16,
    pub(crate) body: Bytes,
}

/// Takes the next complete frame off `buf`; `None` until one is there.
pub(crate) fn decode(buf: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    let Some(head) = buf.first_chunk::<4>() else {
        return Ok(None);
    };
    let size = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    if !(HEAD..=MAX_FRAME_SIZE as usize).contains(&size) {
        return Err(Malformed::Frame(size));
    }
    if buf.len() < size {
        return Ok(None);
    }
    let mut frame = buf.split_to(size).freeze();
    let data_offset = usize::from(frame[4]) * 4;
    if data_offset < HEAD || data_offset > size {
        return Err(Malformed::Frame(size));
    }
    let kind = frame[5];
    let channel = u16::from_be_bytes([frame[6], frame[7]]);
    frame.advance(data_offset);
    Ok(Some(Frame {
        kind,
        channel,
        body: frame,
    }))
}

/// Begins a frame at the end of `out`; [`finish`] writes its size.
pub(crate) fn begin(out: &mut BytesMut, kind: u8, channel: u16) -> usize {
    let start = out.len();
    out.put_slice(&[0, 0, 0, 0, 2, kind]);
    out.put_u16(channel);
    start
}

/// Completes the frame that began at `start`.
pub(crate) fn finish(out: &mut BytesMut, start: usize) {
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// A frame without a body, which only says that this side is alive.
pub(crate) fn heartbeat(out: &mut BytesMut) {
    let start = begin(out, AMQP, 0);
    finish(out, start);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_is_read_back_whole() {
        let mut buf = BytesMut::new();
        let start = begin(&mut buf, AMQP, 7);
        buf.put_slice(b"body");
        finish(&mut buf, start);
        let half = buf.split_off(9);
        assert!(decode(&mut buf).unwrap().is_none());
        buf.unsplit(half);
        let frame = decode(&mut buf).unwrap().unwrap();
        assert_eq!(
            (frame.kind, frame.channel, &frame.body[..]),
            (AMQP, 7, &b"body"[..])
        );
        assert!(buf.is_empty());
    }

    #[test]
    fn sizes_outside_the_limits_are_refused() {
        for size in [0_u32, 7, MAX_FRAME_SIZE + 1, u32::MAX] {
            let mut buf = BytesMut::from(&size.to_be_bytes()[..]);
            assert!(decode(&mut buf).is_err(), "{size}");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut buf = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = decode(&mut buf) {
                if let Ok((performative, _)) = crate::wire::performative::decode(frame.body) {
                    drop(performative);
                }
            }
        }

        #[test]
        fn any_performative_body_never_panics(
            code in 0x10_u8..0x19,
            bytes in proptest::collection::vec(any::<u8>(), 0..128),
        ) {
            let mut body = vec![0, 0x53, code];
            body.extend(bytes);
            drop(crate::wire::performative::decode(Bytes::from(body)));
        }
    }
}
