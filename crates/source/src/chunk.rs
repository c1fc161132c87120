//! Events between the wire and decoding: one buffer for many bodies.

use azure_core_amqp::message::{AmqpAnnotationKey, AmqpMessageBody};
use azure_core_amqp::{AmqpMessage, AmqpSimpleValue, AmqpValue};
use azure_messaging_eventhubs::models::ReceivedEventData;
use rollcall_model::{SequenceNumber, Timestamp};

use crate::observer::timestamp;

/// The annotation that holds an event's offset.
const OFFSET: &str = "x-opt-offset";

/// How the body of an event is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// The message object itself (also a binary `CloudEvent`).
    Plain,
    /// A structured `CloudEvent` whose data is the message object.
    CloudEvent,
    /// Neither bytes nor text: an AMQP sequence or a typed value.
    Unreadable,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    sequence_number: SequenceNumber,
    enqueued_at: Timestamp,
    kind: BodyKind,
    end: usize,
}

/// Consecutive events of one partition, as they came.
#[derive(Debug, Default)]
pub struct Chunk {
    bodies: Vec<u8>,
    heads: Vec<Head>,
    /// The hub's offset of the last event.
    offset: String,
    /// The hub has no event up to this number any more.
    expired_upto: Option<SequenceNumber>,
}

/// One event of a [`Chunk`].
#[derive(Debug, Clone, Copy)]
pub struct RawEvent<'a> {
    pub sequence_number: SequenceNumber,
    pub enqueued_at: Timestamp,
    pub kind: BodyKind,
    pub body: &'a [u8],
}

impl Chunk {
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// No events, but the news that the hub has none up to this number: retention took them.
    #[must_use]
    pub fn expired(upto: SequenceNumber) -> Self {
        Self {
            expired_upto: Some(upto),
            ..Self::default()
        }
    }

    /// Up to which number the hub has nothing any more, if that is all there is to tell.
    #[must_use]
    pub fn expired_upto(&self) -> Option<SequenceNumber> {
        self.expired_upto
    }

    /// The hub's offset of the last event, if it told one.
    #[must_use]
    pub fn offset(&self) -> Option<&str> {
        Some(self.offset.as_str()).filter(|offset| !offset.is_empty())
    }

    /// Bytes of all bodies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bodies.len()
    }

    pub fn push(&mut self, event: RawEvent<'_>) {
        self.bodies.extend_from_slice(event.body);
        self.heads.push(Head {
            sequence_number: event.sequence_number,
            enqueued_at: event.enqueued_at,
            kind: event.kind,
            end: self.bodies.len(),
        });
    }

    /// In the order of their numbers.
    pub fn events(&self) -> impl Iterator<Item = RawEvent<'_>> {
        let mut start = 0;
        self.heads.iter().map(move |head| {
            let body = self.bodies.get(start..head.end).unwrap_or_default();
            start = head.end;
            RawEvent {
                sequence_number: head.sequence_number,
                enqueued_at: head.enqueued_at,
                kind: head.kind,
                body,
            }
        })
    }

    /// The body of one event as it came.
    #[must_use]
    pub fn body(&self, number: SequenceNumber) -> Option<&[u8]> {
        let index = self
            .heads
            .binary_search_by_key(&number, |head| head.sequence_number)
            .ok()?;
        let start = index.checked_sub(1).and_then(|index| self.heads.get(index));
        let head = self.heads.get(index)?;
        self.bodies
            .get(start.map_or(0, |before| before.end)..head.end)
    }

    /// Adds what the client received; `false` if it has no number or time, which no hub sends.
    pub(crate) fn push_received(
        &mut self,
        number: SequenceNumber,
        event: &ReceivedEventData,
    ) -> bool {
        let Some(enqueued_at) = event.enqueued_time() else {
            return false;
        };
        let message = event.raw_amqp_message();
        self.offset.clear();
        self.offset.push_str(offset_of(message).unwrap_or_default());
        let mut kind = kind_of(message);
        match &message.body {
            AmqpMessageBody::Binary(parts) => {
                parts
                    .iter()
                    .for_each(|part| self.bodies.extend_from_slice(part));
            }
            AmqpMessageBody::Value(AmqpValue::String(text)) => {
                self.bodies.extend_from_slice(text.as_bytes());
            }
            AmqpMessageBody::Value(AmqpValue::Binary(bytes)) => {
                self.bodies.extend_from_slice(bytes);
            }
            AmqpMessageBody::Empty => {}
            AmqpMessageBody::Value(_) | AmqpMessageBody::Sequence(_) => {
                kind = BodyKind::Unreadable;
                // There are no bytes to keep as they came: their text keeps what was sent.
                self.bodies
                    .extend_from_slice(format!("{:?}", message.body).as_bytes());
            }
        }
        self.heads.push(Head {
            sequence_number: number,
            enqueued_at: timestamp(enqueued_at),
            kind,
            end: self.bodies.len(),
        });
        true
    }
}

/// Read in place: the client's own accessor copies it.
fn offset_of(message: &AmqpMessage) -> Option<&str> {
    let annotations = message.message_annotations.as_ref()?;
    annotations
        .0
        .iter()
        .find_map(|(key, value)| match (key, value) {
            (AmqpAnnotationKey::Symbol(symbol), AmqpValue::String(offset)) => {
                (symbol.0 == OFFSET).then_some(offset.as_str())
            }
            _ => None,
        })
}

/// Structured mode is told by the content type; producers that cannot set it put it among the
/// application properties.
fn kind_of(message: &AmqpMessage) -> BodyKind {
    let structured = |text: &str| {
        text.trim_start()
            .starts_with("application/cloudevents+json")
    };
    let by_type = message
        .properties
        .as_ref()
        .and_then(|properties| properties.content_type.as_ref())
        .is_some_and(|content_type| structured(content_type.0.as_str()));
    let by_property = || {
        let properties = message.application_properties.as_ref()?;
        let (_, value) = properties
            .0
            .iter()
            .find(|(key, _)| *key == "content-type")?;
        match value {
            AmqpSimpleValue::String(text) => Some(structured(text)),
            _ => None,
        }
    };
    if by_type || by_property().unwrap_or(false) {
        BodyKind::CloudEvent
    } else {
        BodyKind::Plain
    }
}
