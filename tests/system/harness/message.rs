//! What an event of the log must become, read from its bytes by rules written here a second time,
//! independent of the program's own decoding.

use rollcall_model::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

const CLOCK_LEAD_MICROS: i64 = 300 * 1_000_000;

/// The fate that the interface promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    Status(Reading),
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading {
    pub(crate) owner_id: String,
    pub(crate) sub_owner_id: String,
    pub(crate) data: String,
    pub(crate) status_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    data_owner_id: &'a RawValue,
    #[serde(borrow)]
    data_owner_sub_id: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
    measured_at: Option<String>,
}

/// A structured `CloudEvent`; none of the tests' own messages has these fields.
#[derive(Deserialize)]
struct Structured<'a> {
    #[serde(rename = "specversion")]
    _specversion: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

pub(crate) fn expected(body: &[u8], enqueued_at: Timestamp) -> Expected {
    let inner = serde_json::from_slice::<Structured<'_>>(body).ok();
    let body = inner
        .as_ref()
        .map_or(body, |event| event.data.get().as_bytes());
    reading(body, enqueued_at).map_or(Expected::Dead, Expected::Status)
}

fn reading(body: &[u8], enqueued_at: Timestamp) -> Option<Reading> {
    let message: Message<'_> = serde_json::from_slice(body).ok()?;
    let data = message.data.get();
    // A number that no 64-bit float holds.
    if data.parse::<f64>().is_ok_and(f64::is_infinite) {
        return None;
    }
    let measured_at = match &message.measured_at {
        Some(text) => Some(Timestamp::parse(text).ok()?),
        None => None,
    };
    let latest = enqueued_at.as_micros() + CLOCK_LEAD_MICROS;
    Some(Reading {
        owner_id: id(message.data_owner_id.get())?,
        sub_owner_id: id(message.data_owner_sub_id.get())?,
        data: data.to_owned(),
        status_at: measured_at
            .filter(|at| at.as_micros() <= latest)
            .unwrap_or(enqueued_at),
    })
}

fn id(raw: &str) -> Option<String> {
    let text = match raw.starts_with('"') {
        true => serde_json::from_str::<String>(raw).ok()?,
        false => integer(raw)?.to_owned(),
    };
    let fits = (1..=128).contains(&text.chars().count());
    let clean = !text.chars().any(char::is_control) && text.trim() == text;
    (fits && clean).then_some(text)
}

fn integer(raw: &str) -> Option<&str> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (whole && raw != "-0").then_some(raw)
}

/// A status message without a time of its own.
pub(crate) fn status(owner_id: &str, sub_owner_id: &str, data: &str) -> Vec<u8> {
    format!(r#"{{"dataOwnerId":"{owner_id}","dataOwnerSubId":"{sub_owner_id}","data":{data}}}"#)
        .into_bytes()
}
