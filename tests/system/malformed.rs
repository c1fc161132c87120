//! Events that are no statuses, of every kind that the interface tells apart, and CloudEvents.

use azure_messaging_eventhubs::models::EventData;

use crate::harness::message::status;
use crate::harness::site::Site;

/// Body and reason.
const MALFORMED: &[(&[u8], &str)] = &[
    (b"", "not_json"),
    (b"neither this", "not_json"),
    (b"{\"dataOwnerId\":\"1\"", "not_json"),
    (
        b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\",\"data\":1} trailing",
        "not_json",
    ),
    (
        b"{\"dataOwnerId\":\"\xff\",\"dataOwnerSubId\":\"1\",\"data\":1}",
        "not_utf8",
    ),
    (b"{\"dataOwnerSubId\":\"1\",\"data\":1}", "missing_field"),
    (b"{\"dataOwnerId\":\"1\",\"data\":1}", "missing_field"),
    (
        b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\"}",
        "missing_field",
    ),
    (b"[1,2]", "wrong_type"),
    (
        b"{\"dataOwnerId\":null,\"dataOwnerSubId\":\"1\",\"data\":1}",
        "wrong_type",
    ),
    (
        b"{\"dataOwnerId\":1.0,\"dataOwnerSubId\":\"1\",\"data\":1}",
        "wrong_type",
    ),
    (
        b"{\"dataOwnerId\":-0,\"dataOwnerSubId\":\"1\",\"data\":1}",
        "wrong_type",
    ),
    (
        b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":[\"1\"],\"data\":1}",
        "wrong_type",
    ),
    (
        b"{\"dataOwnerId\":\"\",\"dataOwnerSubId\":\"1\",\"data\":1}",
        "bad_id",
    ),
    (
        b"{\"dataOwnerId\":\" 1\",\"dataOwnerSubId\":\"1\",\"data\":1}",
        "bad_id",
    ),
    (
        b"{\"dataOwnerId\":\"a\\u0000b\",\"dataOwnerSubId\":\"1\",\"data\":1}",
        "bad_id",
    ),
    (
        b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\\n\",\"data\":1}",
        "bad_id",
    ),
    (
        b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\",\"data\":1,\"measuredAt\":\"today\"}",
        "bad_time",
    ),
    (
        b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\",\"data\":1e999}",
        "too_large",
    ),
    (
        b"{\"dataOwnerId\":\"1\",\"dataOwnerSubId\":\"1\",\"data\":-1e999}",
        "too_large",
    ),
];

/// Bodies that look odd and are statuses: owner, sub-owner and data text as they must be stored.
const ODD: &[(&str, [&str; 3])] = &[
    (
        r#"{"dataOwnerId":7,"dataOwnerSubId":-3,"data":null}"#,
        ["7", "-3", "null"],
    ),
    (
        r#"{"dataOwnerId":123456789012345678901234567890,"dataOwnerSubId":"1","data":1.50}"#,
        ["123456789012345678901234567890", "1", "1.50"],
    ),
    (
        r#" {"dataOwnerId":"1","dataOwnerSubId":"1","data":{ "a" : "\u0000" } , "more":[1]} "#,
        ["1", "1", r#"{ "a" : "\u0000" }"#],
    ),
    (
        r#"{"dataOwnerId":"ü/…","dataOwnerSubId":"\u00fc","data":"1e999"}"#,
        ["ü/…", "ü", r#""1e999""#],
    ),
    (
        r#"{"dataOwnerId":"1","dataOwnerSubId":"1","data":[1e999]}"#,
        ["1", "1", "[1e999]"],
    ),
];

#[tokio::test]
async fn malformed_events_become_dead_letters_and_the_rest_is_stored() {
    let site = Site::embedded(2);
    let node = site.start_node().await;
    let sender = site.sender().await;
    let malformed = MALFORMED.iter().map(|(body, _)| body.to_vec());
    let good = (0..MALFORMED.len()).map(|number| status("good", "1", &number.to_string()));
    sender
        .send(0, malformed.zip(good).flat_map(|(bad, good)| [bad, good]))
        .await;
    sender
        .send(1, ODD.iter().map(|(body, _)| body.as_bytes().to_vec()))
        .await;
    sender.close().await;
    site.holds_at_the_end().await;

    let tables = site.database().read().await;
    let mut dead = tables.dead;
    dead.sort_by_key(|row| row.place);
    for (row, (body, reason)) in dead.iter().zip(MALFORMED) {
        assert_eq!(
            (row.body.as_slice(), row.reason.as_str()),
            (*body, *reason),
            "{}",
            row.detail
        );
        assert!(!row.detail.is_empty(), "{row:?}");
    }
    assert_eq!(dead.len(), MALFORMED.len());

    let mut odd: Vec<_> = tables
        .statuses
        .iter()
        .filter(|row| row.place.0 == 1)
        .collect();
    odd.sort_by_key(|row| row.place);
    for (row, (_, due)) in odd.iter().zip(ODD) {
        assert_eq!([row.owner_id.as_str(), &row.sub_owner_id, &row.data], *due);
    }
    assert_eq!(odd.len(), ODD.len());
    the_commands_and_the_api_show_them(&site).await;
    assert!(node.terminate().await.success());
}

async fn the_commands_and_the_api_show_them(site: &Site) {
    let (code, list) = site.api().get("/api/v1/dead-letters?limit=100").await;
    assert_eq!(code, 200, "{list}");
    assert_eq!(list["items"].as_array().unwrap().len(), MALFORMED.len());
    let id = list["items"][1]["id"].as_str().unwrap();
    let shown = site.answer(&["dead-letters", "show", id]).await;
    assert!(shown.contains("neither this"), "{shown}");
}

#[tokio::test]
async fn cloud_events_are_read_in_both_modes() {
    let site = Site::embedded(1);
    let node = site.start_node().await;
    let sender = site.sender().await;
    let content = r#"{"dataOwnerId":"structured","dataOwnerSubId":"1","data": 1.0}"#;
    let structured =
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{content}}}"#);
    let structured = EventData::builder()
        .with_content_type("application/cloudevents+json; charset=utf-8".to_owned())
        .with_body(structured.into_bytes())
        .build();
    let binary = EventData::builder()
        .add_property("cloudEvents:specversion".to_owned(), "1.0")
        .add_property("cloudEvents:id".to_owned(), "2")
        .add_property("cloudEvents:source".to_owned(), "/s")
        .add_property("cloudEvents:type".to_owned(), "t")
        .with_content_type("application/json".to_owned())
        .with_body(status("binary", "1", "2.0"))
        .build();
    sender.send_events(0, [structured, binary]).await;
    sender.close().await;
    site.holds_at_the_end().await;
    let mut rows = site.database().read().await.statuses;
    rows.sort_by_key(|row| row.place);
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.owner_id.as_str(), row.data.as_str()))
        .collect();
    assert_eq!(rows, [("structured", "1.0"), ("binary", "2.0")]);
    assert!(node.terminate().await.success());
}
