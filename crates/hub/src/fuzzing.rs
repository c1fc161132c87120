//! What the fuzz targets (`tests/fuzz`) call: the parsers that a peer's bytes meet, with what has
//! to hold whatever the bytes are. Each panics where it does not.

use bytes::{Bytes, BytesMut};

use crate::filter;
use crate::log::{RecordView, Start, record};
use crate::message::{self, NewEvent};
use crate::wire::frame::{self, Frame};
use crate::wire::performative::{self, Performative};

/// Bytes as frames: the same ones wherever the socket cuts them; each is a performative or refused;
/// what a transfer brings is refused, or kept in the log and delivered as it was sent.
pub fn frames(bytes: &[u8]) {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let (whole, cut) = (read([bytes]), read([first, second]));
    assert_eq!(whole, cut);
    for Frame { body, .. } in whole.0 {
        let length = body.len();
        let Ok((performative, payload)) = performative::decode(body) else {
            continue;
        };
        assert!(payload.len() < length, "a performative takes bytes");
        if let Performative::Transfer(transfer) = performative {
            events(transfer.message_format.unwrap_or(0), payload);
        }
    }
}

/// The frames up to the first that is none, and whether there is one.
fn read<const PIECES: usize>(pieces: [&[u8]; PIECES]) -> (Vec<Frame>, bool) {
    let (mut frames, mut buffer) = (Vec::new(), BytesMut::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match frame::decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

fn events(format: u32, delivery: Bytes) {
    for event in message::events(format, delivery).unwrap_or_default() {
        let mut logged = BytesMut::new();
        record::encode(&mut logged, &event, 7, 1);
        let view = record::verified(&logged);
        assert!(view.is_some(), "what was logged is read back");
        if let Some(view) = view {
            assert_eq!(delivered(&view), Ok(vec![event]));
        }
    }
}

/// What a receiver gets, taken for what a sender sends.
fn delivered(record: &RecordView<'_>) -> Result<Vec<NewEvent>, crate::wire::Malformed> {
    let mut out = BytesMut::new();
    message::put_delivery(&mut out, record, 1_234, &[]);
    message::events(0, out.freeze())
}

/// A receiver's selector: refused, or a start that it also reads when it is written in full.
pub fn selector(text: &str) {
    let Ok(start) = filter::parse(text) else {
        return;
    };
    let (name, after) = match start {
        Start::Latest => ("x-opt-offset", "@latest".to_owned()),
        Start::Offset { after } => ("x-opt-offset", after.to_string()),
        Start::SequenceNumber { after } => ("x-opt-sequence-number", after.to_string()),
        Start::EnqueuedTime { after } => ("x-opt-enqueued-time", after.to_string()),
    };
    let in_full = format!("amqp.annotation.{name} > '{after}'");
    assert_eq!(filter::parse(&in_full), Ok(start));
}
