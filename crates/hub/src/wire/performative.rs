//! Performatives: which one a frame carries, and how ours are written.
//!
//! Every list goes out in its full length, because the Python client finds fields by position and
//! `serde_amqp` leaves trailing nulls away.

use bytes::{BufMut, Bytes, BytesMut};
use fe2o3_amqp_types::definitions::{Error as AmqpError, ErrorCondition, Fields, Role};
use fe2o3_amqp_types::messaging::DeliveryState;
use fe2o3_amqp_types::performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open};
use serde_amqp::primitives::Symbol;

use super::transfer::{self, Transfer};
use super::{Malformed, frame, scan};

/// What a frame asks for.
#[derive(Debug)]
pub(crate) enum Performative {
    Open(Box<Open>),
    Begin(Box<Begin>),
    Attach(Box<Attach>),
    Flow(Box<Flow>),
    Transfer(Transfer),
    Disposition(Settlement),
    Detach(Box<Detach>),
    End,
    Close,
}

/// A disposition without its state: deliveries are never sent again, so what the receiver thought
/// of them changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) role: Side,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) settled: bool,
}

/// Which end of the link speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Sender,
    Receiver,
}

/// Decodes the performative at the beginning of `body`; what follows it is the payload.
pub(crate) fn decode(body: Bytes) -> Result<(Performative, Bytes), Malformed> {
    let len = scan::skip(&body)?;
    let (code, list) = described(&body[..len])?;
    let performative = match code {
        0x10 => Performative::Open(typed(&body[..len])?),
        0x11 => Performative::Begin(typed(&body[..len])?),
        0x12 => Performative::Attach(typed(&body[..len])?),
        0x13 => Performative::Flow(typed(&body[..len])?),
        0x14 => Performative::Transfer(transfer::decode(list)?),
        0x15 => Performative::Disposition(settlement(list)?),
        0x16 => Performative::Detach(typed(&body[..len])?),
        0x17 => Performative::End,
        0x18 => Performative::Close,
        other => return Err(Malformed::Performative(other)),
    };
    Ok((performative, body.slice(len..)))
}

/// The descriptor code of a described value, and the value.
pub(crate) fn described(value: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    match value {
        [0, 0x53, code, list @ ..] => Ok((u64::from(*code), list)),
        [0, 0x80, rest @ ..] => {
            let (code, list) = rest.split_first_chunk::<8>().ok_or(Malformed::Truncated)?;
            Ok((u64::from_be_bytes(*code), list))
        }
        _ => Err(Malformed::Fields),
    }
}

pub(crate) fn typed<T: serde::de::DeserializeOwned>(value: &[u8]) -> Result<Box<T>, Malformed> {
    serde_amqp::from_slice(value)
        .map(Box::new)
        .map_err(|_| Malformed::Fields)
}

fn settlement(list: &[u8]) -> Result<Settlement, Malformed> {
    let mut fields = scan::elements(list).ok_or(Malformed::Fields)?;
    let role = match fields.next() {
        Some([0x41] | [0x56, 1]) => Side::Receiver,
        Some([0x42] | [0x56, 0]) => Side::Sender,
        _ => return Err(Malformed::Fields),
    };
    let first = fields.next().and_then(transfer::uint);
    let first = first.ok_or(Malformed::Fields)?;
    let last = fields.next().and_then(transfer::uint).unwrap_or(first);
    let settled = fields.next().is_some_and(transfer::truth);
    Ok(Settlement {
        role,
        first,
        last,
        settled,
    })
}

/// A performative of ours, with the number of fields its list has in full length.
pub(crate) trait Outgoing: serde::Serialize {
    const FIELDS: usize;
}

impl Outgoing for Open {
    const FIELDS: usize = 10;
}
impl Outgoing for Begin {
    const FIELDS: usize = 8;
}
impl Outgoing for Attach {
    const FIELDS: usize = 14;
}
impl Outgoing for Flow {
    const FIELDS: usize = 11;
}
impl Outgoing for Disposition {
    const FIELDS: usize = 6;
}
impl Outgoing for Detach {
    const FIELDS: usize = 3;
}
impl Outgoing for End {
    const FIELDS: usize = 1;
}
impl Outgoing for Close {
    const FIELDS: usize = 1;
}

/// Writes a performative as one frame.
pub(crate) fn encode<P: Outgoing>(out: &mut BytesMut, channel: u16, performative: &P) {
    let Ok(encoded) = serde_amqp::to_vec(performative) else {
        tracing::error!("cannot encode a performative of our own");
        return;
    };
    let start = frame::begin(out, frame::AMQP, channel);
    put_padded(out, &encoded, P::FIELDS);
    frame::finish(out, start);
}

/// Copies a described list (`00 53 code list`) and appends nulls up to `fields`.
pub(crate) fn put_padded(out: &mut BytesMut, encoded: &[u8], fields: usize) {
    let (head, list) = encoded.split_at(3.min(encoded.len()));
    let (count, content) = match list {
        [0xc0, _, count, content @ ..] => (usize::from(*count), content),
        [0xd0, _, _, _, _, a, b, c, d, content @ ..] => {
            let count = u32::from_be_bytes([*a, *b, *c, *d]);
            (usize::try_from(count).unwrap_or(0), content)
        }
        _ => (0, &[][..]),
    };
    let nulls = fields.saturating_sub(count);
    let size = u32::try_from(4 + content.len() + nulls).unwrap_or(u32::MAX);
    out.put_slice(head);
    out.put_u8(0xd0);
    out.put_u32(size);
    out.put_u32(u32::try_from(count + nulls).unwrap_or(u32::MAX));
    out.put_slice(content);
    out.put_bytes(0x40, nulls);
}

/// Writes a disposition of ours, which always speaks of what we received or sent as a whole.
pub(crate) fn disposition(
    out: &mut BytesMut,
    channel: u16,
    settlement: Settlement,
    state: DeliveryState,
) {
    let role = match settlement.role {
        Side::Sender => Role::Sender,
        Side::Receiver => Role::Receiver,
    };
    let disposition = Disposition {
        role,
        first: settlement.first,
        last: Some(settlement.last),
        settled: settlement.settled,
        state: Some(state),
        batchable: false,
    };
    encode(out, channel, &disposition);
}

/// An error with all three of its fields.
pub(crate) fn error(condition: &str, description: impl Into<String>) -> AmqpError {
    AmqpError::new(
        ErrorCondition::Custom(Symbol::from(condition)),
        Some(description.into()),
        Some(Fields::new()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written<P: Outgoing>(performative: &P) -> (u64, usize) {
        let mut out = BytesMut::new();
        encode(&mut out, 0, performative);
        let frame = frame::decode(&mut out).unwrap().unwrap();
        let (code, list) = described(&frame.body).unwrap();
        (code, scan::elements(list).unwrap().count())
    }

    #[test]
    fn lists_go_out_in_full_length() {
        assert_eq!(written(&End { error: None }), (0x17, 1));
        let detach = Detach {
            handle: 3.into(),
            closed: true,
            error: None,
        };
        assert_eq!(written(&detach), (0x16, 3));
    }

    #[test]
    fn an_error_has_three_fields() {
        let encoded = serde_amqp::to_vec(&error("amqp:not-found", "no such hub")).unwrap();
        let (_, list) = described(&encoded).unwrap();
        assert_eq!(scan::elements(list).unwrap().count(), 3);
    }

    #[test]
    fn a_disposition_is_read_back() {
        let settlement = Settlement {
            role: Side::Receiver,
            first: 7,
            last: 900,
            settled: true,
        };
        let mut out = BytesMut::new();
        let accepted = DeliveryState::Accepted(fe2o3_amqp_types::messaging::Accepted {});
        disposition(&mut out, 1, settlement, accepted);
        let frame = frame::decode(&mut out).unwrap().unwrap();
        let (performative, payload) = decode(frame.body).unwrap();
        assert!(payload.is_empty());
        assert!(matches!(performative, Performative::Disposition(read) if read == settlement));
    }
}
