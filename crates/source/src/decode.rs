//! Decoding: from an event's bytes to a status message, or to the reason why it is none.
//!
//! Pure, total and lossless: every input gives a message or a reason, and the exact text of `data`
//! is kept. Values that nobody asked for are skipped, not built.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rollcall_model::json_pointer::{CowStr, find};
use rollcall_model::status::status_time;
use rollcall_model::{DeadReason, JsonPointer, OwnerId, StatusMessage, SubOwnerId, Timestamp};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::DecodeConfig;
use crate::chunk::{BodyKind, RawEvent};

/// No hub takes a larger event.
const MAX_BODY_BYTES: usize = 1_048_576;

/// Why an event is no status message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable {
    pub reason: DeadReason,
    /// What is wrong, where: a sentence for people.
    pub detail: String,
}

impl Undecodable {
    fn new(reason: DeadReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// # Errors
/// The reason and a sentence, if the event is not the message that `interface.md` describes.
pub fn decode(config: &DecodeConfig, event: &RawEvent<'_>) -> Result<StatusMessage, Undecodable> {
    let text = text_of(event)?;
    match event.kind {
        BodyKind::Plain => decode_message(config, event, text),
        BodyKind::CloudEvent => decode_message(config, event, &unwrap_cloud_event(text)?),
        BodyKind::Unreadable => Err(Undecodable::new(
            DeadReason::NotJson,
            "the body is an AMQP sequence or a typed value; send it as bytes",
        )),
    }
}

fn text_of<'a>(event: &RawEvent<'a>) -> Result<&'a str, Undecodable> {
    if event.body.len() > MAX_BODY_BYTES {
        let detail = format!(
            "the body has {} bytes, at most {MAX_BODY_BYTES}",
            event.body.len()
        );
        return Err(Undecodable::new(DeadReason::TooLarge, detail));
    }
    std::str::from_utf8(event.body).map_err(|error| {
        let detail = format!("the body is not UTF-8 after {} bytes", error.valid_up_to());
        Undecodable::new(DeadReason::NotUtf8, detail)
    })
}

fn decode_message(
    config: &DecodeConfig,
    event: &RawEvent<'_>,
    text: &str,
) -> Result<StatusMessage, Undecodable> {
    let pointers = [
        &config.owner_id,
        &config.sub_owner_id,
        &config.data,
        &config.measured_at,
    ];
    let [owner, sub_owner, data, measured_at] = Fields::read(pointers, text)?;
    let owner_id = parse_id(owner, &config.owner_id, OwnerId::parse)?;
    let sub_owner_id = parse_id(sub_owner, &config.sub_owner_id, SubOwnerId::parse)?;
    let data = data.ok_or_else(|| missing(&config.data))?;
    let measured_at = parse_time(measured_at, &config.measured_at)?;
    Ok(StatusMessage {
        sequence_number: event.sequence_number,
        enqueued_at: event.enqueued_at,
        status_at: status_time(measured_at, event.enqueued_at),
        owner_id,
        sub_owner_id,
        data: data.into(),
    })
}

/// The raw texts of the wanted fields, found in one pass over the top level.
struct Fields<'p> {
    pointers: [&'p JsonPointer; 4],
}

impl Fields<'_> {
    fn read<'a>(
        pointers: [&JsonPointer; 4],
        text: &'a str,
    ) -> Result<[Option<&'a str>; 4], Undecodable> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let found = deserializer
            .deserialize_map(Fields { pointers })
            .map_err(|e| not_json(&e))?;
        deserializer.end().map_err(|error| not_json(&error))?;
        let mut values = [None; 4];
        for ((value, first), pointer) in values.iter_mut().zip(found).zip(pointers) {
            *value = match pointer.tokens().split_first() {
                Some((_, rest)) => first.and_then(|raw| find(raw.get(), rest)),
                None => Some(text.trim()),
            };
        }
        Ok(values)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = [Option<&'de RawValue>; 4];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; 4];
        while let Some(CowStr(key)) = map.next_key()? {
            let wanted =
                |pointer: &&JsonPointer| pointer.tokens().first().is_some_and(|t| **t == *key);
            if !self.pointers.iter().any(wanted) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            for (slot, pointer) in found.iter_mut().zip(&self.pointers) {
                if wanted(pointer) {
                    *slot = Some(value);
                }
            }
        }
        Ok(found)
    }
}

fn not_json(error: &serde_json::Error) -> Undecodable {
    if error.is_data() {
        Undecodable::new(
            DeadReason::WrongType,
            format!("the body is no JSON object: {error}"),
        )
    } else {
        Undecodable::new(
            DeadReason::NotJson,
            format!("the body is not JSON: {error}"),
        )
    }
}

fn missing(pointer: &JsonPointer) -> Undecodable {
    Undecodable::new(
        DeadReason::MissingField,
        format!("there is nothing at {pointer}"),
    )
}

fn parse_id<T>(
    raw: Option<&str>,
    pointer: &JsonPointer,
    parse: fn(&str) -> Result<T, rollcall_model::IdError>,
) -> Result<T, Undecodable> {
    let raw = raw.ok_or_else(|| missing(pointer))?;
    let text = id_text(raw).ok_or_else(|| {
        let detail = format!(
            "{pointer} must be a string or an integer, it is {}",
            excerpt(raw)
        );
        Undecodable::new(DeadReason::WrongType, detail)
    })?;
    parse(&text).map_err(|error| Undecodable::new(DeadReason::BadId, format!("{pointer}: {error}")))
}

/// The id of a JSON string, or the digits of an integer as they stand.
fn id_text(raw: &str) -> Option<Cow<'_, str>> {
    if raw.starts_with('"') {
        return serde_json::from_str::<CowStr<'_>>(raw)
            .ok()
            .map(|text| text.0);
    }
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (integer && raw != "-0").then_some(Cow::Borrowed(raw))
}

fn parse_time(raw: Option<&str>, pointer: &JsonPointer) -> Result<Option<Timestamp>, Undecodable> {
    let Some(raw) = raw.filter(|raw| *raw != "null") else {
        return Ok(None);
    };
    let text = serde_json::from_str::<CowStr<'_>>(raw).map_err(|_| {
        let detail = format!("{pointer} must be a string, it is {}", excerpt(raw));
        Undecodable::new(DeadReason::WrongType, detail)
    })?;
    let time = Timestamp::parse(&text.0)
        .map_err(|error| Undecodable::new(DeadReason::BadTime, format!("{pointer}: {error}")))?;
    Ok(Some(time))
}

fn excerpt(raw: &str) -> String {
    let mut text: String = raw.chars().take(40).collect();
    if text.len() < raw.len() {
        text.push('…');
    }
    text
}

/// The `data` of a structured `CloudEvent`, also where it is packed as `data_base64`.
fn unwrap_cloud_event(text: &str) -> Result<Cow<'_, str>, Undecodable> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| not_json(&error))?;
    let field = |name: &str| find(text, &[name.into()]);
    if let Some(data) = field("data") {
        return Ok(Cow::Borrowed(data));
    }
    let Some(packed) = field("data_base64") else {
        let detail = "the CloudEvent has neither data nor data_base64";
        return Err(Undecodable::new(DeadReason::MissingField, detail));
    };
    let bytes = serde_json::from_str::<CowStr<'_>>(packed)
        .ok()
        .and_then(|text| STANDARD.decode(text.0.as_bytes()).ok())
        .ok_or_else(|| {
            Undecodable::new(
                DeadReason::WrongType,
                "data_base64 of the CloudEvent is not base64",
            )
        })?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| {
        Undecodable::new(
            DeadReason::NotUtf8,
            "data_base64 of the CloudEvent is not UTF-8 text",
        )
    })
}

#[cfg(test)]
mod tests;
