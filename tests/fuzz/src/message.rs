//! The body of an event, decoded beside a second reading of it by `serde_json`.

use rollcall_model::{OwnerId, SequenceNumber, StatusMessage, SubOwnerId, Timestamp};
use rollcall_source::{BodyKind, DecodeConfig, RawEvent, Undecodable, decode};
use serde_json::Value;

/// Integers below this are the second reader's to the digit.
const LONGEST_INTEGER: f64 = 9.2e18;

/// An event's body is a message or has a reason; it is a message whenever its ids and data are there
/// and its time is left away, and ids and data are what a second reader finds.
pub fn message(input: &[u8]) {
    let plain = decoded(BodyKind::Plain, input);
    let cloud_event = decoded(BodyKind::CloudEvent, input);
    assert!(decoded(BodyKind::Unreadable, input).is_err());
    // A second reader has limits of its own: 128 levels, and numbers that fit.
    let Ok(value) = serde_json::from_slice::<Value>(input) else {
        return;
    };
    compare(&plain, Some(&value));
    if value.get("data").is_some() {
        compare(&cloud_event, value.get("data"));
    } else if value.get("data_base64").is_none() {
        assert!(cloud_event.is_err());
    }
}

fn decoded(kind: BodyKind, body: &[u8]) -> Result<StatusMessage, Undecodable> {
    let event = RawEvent {
        sequence_number: SequenceNumber(7),
        enqueued_at: Timestamp::EPOCH,
        kind,
        body,
    };
    let decoded = decode(&DecodeConfig::default(), &event);
    match &decoded {
        Ok(message) => assert_eq!(message.sequence_number, event.sequence_number),
        Err(undecodable) => assert!(
            !undecodable.detail.is_empty(),
            "a reason says what is wrong"
        ),
    }
    decoded
}

fn compare(decoded: &Result<StatusMessage, Undecodable>, value: Option<&Value>) {
    let field = |name: &str| value.and_then(|value| value.get(name));
    // An id may be an integer of any length, which the second reader has as a rounded number.
    let is_rounded = |name: &str| {
        let number = field(name).and_then(Value::as_f64);
        number.is_some_and(|number| number.abs() >= LONGEST_INTEGER)
    };
    if is_rounded("dataOwnerId") || is_rounded("dataOwnerSubId") {
        return;
    }
    let owner_id = text(field("dataOwnerId")).and_then(|id| OwnerId::parse(&id).ok());
    let sub_owner_id = text(field("dataOwnerSubId")).and_then(|id| SubOwnerId::parse(&id).ok());
    let data = field("data");
    match decoded {
        Ok(message) => {
            assert_eq!(Some(&message.owner_id), owner_id.as_ref());
            assert_eq!(Some(&message.sub_owner_id), sub_owner_id.as_ref());
            let kept = serde_json::from_str::<Value>(&message.data).ok();
            assert_eq!(kept.as_ref(), data, "the text of data is kept");
        }
        Err(undecodable) => {
            let whole = owner_id.is_some() && sub_owner_id.is_some() && data.is_some();
            let timeless = field("measuredAt").is_none_or(Value::is_null);
            assert!(!(whole && timeless), "lost: {undecodable:?}");
        }
    }
}

/// An id as a string or an integer.
fn text(field: Option<&Value>) -> Option<String> {
    match field? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}
