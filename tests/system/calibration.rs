//! Numbers made of raw data, by settings that are changed while statuses flow.

use serde_json::{Value, json};

use crate::harness::message::status;
use crate::harness::site::Site;

const DATA: &str = r#"{"t": 20.5, "more": "x"}"#;

#[tokio::test]
async fn a_change_of_settings_applies_from_the_next_batch_on() {
    let site = Site::embedded(1);
    let node = site.start_node().await;
    send_one_each(&site).await;

    let settings = json!({
        "pointer": "/t", "gain": 2, "offset": 1, "unit": "K",
        "sub_owners": {"b": {"gain": 10}},
    });
    let (code, owner) = site
        .api()
        .patch("/api/v1/owners/meter", &json!({"settings": settings}))
        .await;
    assert_eq!(code, 200, "{owner}");
    assert_eq!(owner["version"], 2);
    assert_eq!(owner["settings"]["sub_owners"]["b"]["gain"], 10.0);
    send_one_each(&site).await;

    let patch = json!({"settings": {"gain": null}});
    let (code, owner) = site.api().patch("/api/v1/owners/meter", &patch).await;
    assert_eq!((code, &owner["version"]), (200, &json!(3)), "{owner}");
    send_one_each(&site).await;

    let steps = json!([{"linear": {"gain": 2}}, {"clamp": {"max": 40}}]);
    let patch = json!({"settings": {"offset": null, "steps": steps}});
    let (code, owner) = site.api().patch("/api/v1/owners/meter", &patch).await;
    assert_eq!((code, &owner["version"]), (200, &json!(4)), "{owner}");
    send_one_each(&site).await;

    let calibrated = |value: f64, version: i64| json!({"value": value, "version": version});
    let raw = json!({"value": null, "version": 1});
    assert_eq!(
        statuses(&site, "a").await,
        [
            raw.clone(),
            calibrated(42.0, 2),
            calibrated(21.5, 3),
            calibrated(40.0, 4)
        ]
    );
    assert_eq!(
        statuses(&site, "b").await,
        [
            raw,
            calibrated(206.0, 2),
            calibrated(206.0, 3),
            calibrated(205.0, 4)
        ]
    );
    assert_eq!(history(&site).await, 3);
    assert!(node.terminate().await.success());
}

async fn send_one_each(site: &Site) {
    let sender = site.sender().await;
    sender
        .send(
            0,
            ["a", "b"].map(|sub_owner| status("meter", sub_owner, DATA)),
        )
        .await;
    sender.close().await;
    site.holds_at_the_end().await;
}

/// Value and version of a sub-owner's statuses, oldest first; the raw data is there in each.
async fn statuses(site: &Site, sub_owner: &str) -> Vec<Value> {
    let path = format!("/api/v1/owners/meter/sub-owners/{sub_owner}/statuses?order=asc");
    let (code, page) = site.api().get(&path).await;
    assert_eq!(code, 200, "{page}");
    let due: Value = serde_json::from_str(DATA).unwrap();
    let items = page["items"].as_array().unwrap().iter();
    let shown = items.map(|item| {
        assert_eq!(item["data"], due);
        json!({"value": item["value"], "version": item["version"]})
    });
    shown.collect()
}

/// Rows of the settings' history beyond the owner's first version.
async fn history(site: &Site) -> i64 {
    let sql = "SELECT count(*) FROM settings_history WHERE owner_id = 'meter' AND version > 1";
    site.database().number(sql).await
}
