use proptest::prelude::*;
use rollcall_model::SequenceNumber;

use super::*;

fn event(kind: BodyKind, body: &[u8]) -> RawEvent<'_> {
    let enqueued_at = Timestamp::parse("2026-11-23T10:00:00Z").unwrap();
    RawEvent {
        sequence_number: SequenceNumber(7),
        enqueued_at,
        kind,
        body,
    }
}

fn plain(body: &str) -> Result<StatusMessage, Undecodable> {
    decode(
        &DecodeConfig::default(),
        &event(BodyKind::Plain, body.as_bytes()),
    )
}

fn reason(body: &str) -> DeadReason {
    plain(body).unwrap_err().reason
}

#[test]
fn a_message_keeps_the_exact_text_of_its_data() {
    let message = plain(
        r#" {"x":[1,{"data":2}],"dataOwnerId":"1","dataOwnerSubId":"2","data": {"a" : 1.50,
        "b":"\u0000"} } "#,
    )
    .unwrap();
    assert_eq!(message.owner_id.as_str(), "1");
    assert_eq!(message.sub_owner_id.as_str(), "2");
    assert_eq!(&*message.data, "{\"a\" : 1.50,\n        \"b\":\"\\u0000\"}");
    assert_eq!(message.status_at, message.enqueued_at);
}

#[test]
fn integers_become_their_digits() {
    for (raw, id) in [
        ("7", "7"),
        ("-12", "-12"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        (r#""\u0041""#, "A"),
    ] {
        let message = plain(&format!(
            r#"{{"dataOwnerId":{raw},"dataOwnerSubId":1,"data":null}}"#
        ))
        .unwrap();
        assert_eq!(message.owner_id.as_str(), id);
        assert_eq!(&*message.data, "null");
    }
}

#[test]
fn each_fault_has_its_reason() {
    use DeadReason::{BadId, BadTime, MissingField, NotJson, WrongType};
    let with = |owner: &str, rest: &str| {
        format!(r#"{{"dataOwnerId":{owner},"dataOwnerSubId":"2","data":1{rest}}}"#)
    };
    for (body, expected) in [
        (String::new(), NotJson),
        ("{".to_owned(), NotJson),
        (with("\"1\"", "") + "x", NotJson),
        ("[1]".to_owned(), WrongType),
        ("\"text\"".to_owned(), WrongType),
        ("{}".to_owned(), MissingField),
        (
            r#"{"dataOwnerId":"1","dataOwnerSubId":"2"}"#.to_owned(),
            MissingField,
        ),
        (with("1.0", ""), WrongType),
        (with("-0", ""), WrongType),
        (with("1e3", ""), WrongType),
        (with("null", ""), WrongType),
        (with("{}", ""), WrongType),
        (with("\"\"", ""), BadId),
        (with("\" 1\"", ""), BadId),
        (with("\"a\\u0000b\"", ""), BadId),
        (with(&format!("\"{}\"", "x".repeat(129)), ""), BadId),
        (with("\"1\"", r#","measuredAt":5"#), WrongType),
        (with("\"1\"", r#","measuredAt":"today""#), BadTime),
    ] {
        assert_eq!(reason(&body), expected, "{body}");
    }
}

#[test]
fn what_is_not_utf8_says_where() {
    let error = decode(
        &DecodeConfig::default(),
        &event(BodyKind::Plain, b"{\"a\xff\"}"),
    )
    .unwrap_err();
    assert_eq!(error.reason, DeadReason::NotUtf8);
    assert!(error.detail.contains("after 3 bytes"), "{}", error.detail);
}

#[test]
fn measured_at_counts_unless_its_clock_runs_ahead() {
    let at = |time: &str| {
        let body = r#"{"dataOwnerId":"1","dataOwnerSubId":"2","data":1,"measuredAt":"T"}"#;
        plain(&body.replace('T', time))
            .unwrap()
            .status_at
            .to_string()
    };
    assert_eq!(at("2011-07-01T00:00:01Z"), "2011-07-01T00:00:01.000000Z");
    assert_eq!(at("2026-11-23T10:05:01Z"), "2026-11-23T10:00:00.000000Z");
}

#[test]
fn cloud_events_are_unwrapped() {
    let message = r#"{"dataOwnerId":"1","dataOwnerSubId":"2","data":3}"#;
    let packed = STANDARD.encode(message);
    for body in [
        format!(r#"{{"specversion":"1.0","id":"a","data":{message}}}"#),
        format!(r#"{{"specversion":"1.0","id":"a","data_base64":"{packed}"}}"#),
    ] {
        let raw = event(BodyKind::CloudEvent, body.as_bytes());
        assert_eq!(&*decode(&DecodeConfig::default(), &raw).unwrap().data, "3");
    }
    let trailing = format!(r#"{{"specversion":"1.0","data":{message}}} x"#);
    let error = decode(
        &DecodeConfig::default(),
        &event(BodyKind::CloudEvent, trailing.as_bytes()),
    );
    assert_eq!(error.unwrap_err().reason, DeadReason::NotJson);
    let empty = event(BodyKind::CloudEvent, b"{\"specversion\":\"1.0\"}");
    let error = decode(&DecodeConfig::default(), &empty).unwrap_err();
    assert_eq!(error.reason, DeadReason::MissingField);
}

#[test]
fn fields_are_found_where_the_settings_say() {
    let config = DecodeConfig {
        owner_id: JsonPointer::parse("/meta/site").unwrap(),
        sub_owner_id: JsonPointer::parse("/meta/device/0").unwrap(),
        data: JsonPointer::default(),
        measured_at: JsonPointer::parse("/at").unwrap(),
    };
    let body = r#"{"meta":{"site":5,"device":["d"]},"v":1}"#;
    let message = decode(&config, &event(BodyKind::Plain, body.as_bytes())).unwrap();
    assert_eq!(message.owner_id.as_str(), "5");
    assert_eq!(message.sub_owner_id.as_str(), "d");
    assert_eq!(&*message.data, body);
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let body = format!(r#"{{"dataOwnerId":"1","dataOwnerSubId":"2","data":{deep}}}"#);
    assert_eq!(plain(&body).unwrap().data.len(), 200_000);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for kind in [BodyKind::Plain, BodyKind::CloudEvent, BodyKind::Unreadable] {
            drop(decode(&DecodeConfig::default(), &event(kind, &body)));
        }
    }

    #[test]
    fn any_id_and_any_json_survive(id in "[^\\p{C}\\s]{1,40}", number in any::<f64>()) {
        prop_assume!(number.is_finite());
        let data = serde_json::to_string(&serde_json::json!({ "v": number, "t": id })).unwrap();
        let quoted = serde_json::to_string(&id).unwrap();
        let body = format!(r#"{{"dataOwnerId":{quoted},"dataOwnerSubId":{quoted},"data":{data}}}"#);
        let message = plain(&body).unwrap();
        prop_assert_eq!(message.owner_id.as_str(), id);
        prop_assert_eq!(&*message.data, data);
    }
}
