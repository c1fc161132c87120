//! Requests to `$cbs` and `$management`, and their replies.

use bytes::{BufMut, Bytes, BytesMut};
use fe2o3_amqp_types::messaging::ApplicationProperties;
use serde_amqp::Value;
use serde_amqp::primitives::OrderedMap;

use crate::wire::{Malformed, performative, scan};

/// A request message, as far as it matters.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The message id, encoded, which becomes the reply's correlation id.
    message_id: Bytes,
    pub(crate) reply_to: Option<String>,
    properties: OrderedMap<String, Value>,
    pub(crate) body: Option<String>,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) description: String,
    pub(crate) body: OrderedMap<Value, Value>,
}

impl Answer {
    pub(crate) fn new(status: i32, description: impl Into<String>) -> Self {
        Self {
            status,
            description: description.into(),
            body: OrderedMap::new(),
        }
    }
}

impl Request {
    pub(crate) fn decode(message: Bytes) -> Result<Self, Malformed> {
        let mut request = Self::default();
        let mut rest = message;
        while !rest.is_empty() {
            let section = rest.split_to(scan::skip(&rest)?);
            let (code, value) = performative::described(&section)?;
            match code {
                0x73 => {
                    let mut fields = scan::elements(value).ok_or(Malformed::Fields)?;
                    let message_id = fields.next().unwrap_or(&[0x40]);
                    request.message_id = Bytes::copy_from_slice(message_id);
                    request.reply_to = fields.nth(3).and_then(text);
                }
                0x74 => request.properties = application_properties(value)?,
                0x77 => request.body = text(value),
                _ => {}
            }
        }
        Ok(request)
    }

    /// A text among the application properties.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        match self.properties.get(name)? {
            Value::String(text) => Some(text),
            Value::Symbol(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// A number among the application properties, which some clients write as text.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        match self.properties.get(name)? {
            Value::String(text) => text.parse().ok(),
            Value::Int(number) => u32::try_from(*number).ok(),
            Value::Long(number) => u32::try_from(*number).ok(),
            Value::Uint(number) => Some(*number),
            _ => None,
        }
    }

    /// The message that answers this request.
    pub(crate) fn reply(&self, answer: Answer) -> Result<Bytes, serde_amqp::Error> {
        let mut out = BytesMut::new();
        self.put_properties(&mut out);
        let mut properties: OrderedMap<Value, Value> = OrderedMap::new();
        properties.insert(
            Value::from("status-code".to_owned()),
            Value::Int(answer.status),
        );
        let description = Value::String(answer.description);
        properties.insert(Value::from("status-description".to_owned()), description);
        out.put_slice(&[0x00, 0x53, 0x74]);
        out.put_slice(&serde_amqp::to_vec(&Value::Map(properties))?);
        out.put_slice(&[0x00, 0x53, 0x77]);
        out.put_slice(&serde_amqp::to_vec(&Value::Map(answer.body))?);
        Ok(out.freeze())
    }

    /// Properties in full length, of which only the correlation id is set.
    fn put_properties(&self, out: &mut BytesMut) {
        const BEFORE: usize = 5;
        const AFTER: usize = 7;
        let id: &[u8] = if self.message_id.is_empty() {
            &[0x40]
        } else {
            &self.message_id
        };
        let size = u32::try_from(4 + BEFORE + id.len() + AFTER).unwrap_or(u32::MAX);
        out.put_slice(&[0x00, 0x53, 0x73, 0xd0]);
        out.put_u32(size);
        out.put_u32(13);
        out.put_bytes(0x40, BEFORE);
        out.put_slice(id);
        out.put_bytes(0x40, AFTER);
    }
}

fn text(value: &[u8]) -> Option<String> {
    let bytes = scan::bytes_of(value)?;
    String::from_utf8(bytes.to_vec()).ok()
}

fn application_properties(map: &[u8]) -> Result<OrderedMap<String, Value>, Malformed> {
    let mut section = vec![0x00, 0x53, 0x74];
    section.extend_from_slice(map);
    let decoded: Box<ApplicationProperties> = performative::typed(&section)?;
    let values = decoded.0.into_iter();
    Ok(values
        .map(|(name, value)| (name, Value::from(value)))
        .collect())
}
