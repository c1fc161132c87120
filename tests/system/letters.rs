//! Dead letters that are mended and replayed, by the API and by command, and many at once.

use serde_json::json;

use crate::harness::message;
use crate::harness::site::Site;
use crate::harness::wait::until;

const LETTERS: &str = "/api/v1/dead-letters";

fn status(owner: &str, sub_owner: &str, data: &str) -> String {
    String::from_utf8(message::status(owner, sub_owner, data)).unwrap()
}

async fn send(site: &Site, bodies: &[&str]) {
    let sender = site.sender().await;
    sender
        .send(0, bodies.iter().map(|body| body.as_bytes().to_vec()))
        .await;
    sender.close().await;
    site.settled().await;
}

#[tokio::test]
async fn a_mended_letter_enters_its_newcomer_and_is_stored_at_its_place() {
    let site = Site::embedded(1);
    let node = site.start_node().await;
    let good = status("1", "s", "1");
    send(&site, &[&good, "{\"dataOwnerId\": \"new\"", &good]).await;
    let api = site.api();
    let path = |number: u32, wish: &str| format!("{LETTERS}/1-0-{number}/{wish}");

    // As it is it cannot be stored, and a mended body has to be one.
    let (code, problem) = api.post(&path(1, "replay"), &json!({})).await;
    assert_eq!(code, 422, "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("not_json"),
        "{problem}"
    );
    let without_id = json!({"body": "{\"dataOwnerSubId\": \"s\", \"data\": 2}"});
    let (code, problem) = api.post(&path(1, "replay"), &without_id).await;
    assert_eq!(code, 422, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("missing_field"),
        "{problem}"
    );
    assert_eq!(
        api.get("/api/v1/owners/new").await.0,
        404,
        "nothing was changed"
    );

    let mended = json!({ "body": status("new", "meter", "2.50") });
    let (code, letter) = api.post(&path(1, "replay"), &mended).await;
    assert_eq!(
        (code, &letter["state"]),
        (200, &json!("replayed")),
        "{letter}"
    );
    let statuses = "/api/v1/owners/new/sub-owners/meter/statuses";
    let stored = api.get(statuses).await.1;
    assert_eq!(stored["items"][0]["sequence_number"], 1, "{stored}");
    assert_eq!(stored["items"][0]["data"], json!(2.50));
    let (code, problem) = api.post(&path(1, "replay"), &mended).await;
    assert_eq!(code, 409, "{problem}");
    until("the newcomer is announced", async || {
        let events = api.get("/api/v1/events").await.1;
        events["items"]
            .as_array()?
            .iter()
            .find(|event| event["subject"] == "new")
            .cloned()
    })
    .await;

    let partition = api.get("/api/v1/partitions").await.1["items"][0].clone();
    assert_eq!(
        (&partition["stored"], &partition["dead"]),
        (&json!(3), &json!(0))
    );
    site.answer(&["doctor"]).await;
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn a_letter_is_mended_from_a_file_by_command() {
    let site = Site::embedded(1);
    let node = site.start_node().await;
    send(&site, &["rubbish", "more"]).await;
    let refused = site.run(&["dead-letters", "replay", "1-0-0"]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("not_json"),
        "{said}"
    );
    let file = site.path("mended.json");
    std::fs::write(&file, status("1", "s", "3")).unwrap();
    let file = file.to_str().unwrap();
    let said = site
        .answer(&["dead-letters", "replay", "1-0-0", "--body", file])
        .await;
    assert_eq!(said, "1-0-0 is replayed\n");
    let said = site.answer(&["dead-letters", "discard", "1-0-1"]).await;
    assert_eq!(said, "1-0-1 is discarded\n");
    site.answer(&["doctor"]).await;
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn many_letters_are_replayed_or_discarded_by_reason_after_a_look() {
    let mut site = Site::embedded(1);
    // Everything is under another name than these settings say.
    site.set("decode.owner_id", "\"/owner\"");
    let node = site.start_node().await;
    let bodies: Vec<String> = (0..60).map(|n| status("1", "s", &n.to_string())).collect();
    let mut bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    bodies.extend(["rubbish"; 5]);
    send(&site, &bodies).await;
    assert!(node.terminate().await.success());
    site.set("decode.owner_id", "\"/dataOwnerId\"");
    let node = site.start_node().await;
    let api = site.api();
    let bulk = async |body: serde_json::Value| {
        let (code, done) = api.post("/api/v1/dead-letters:bulk", &body).await;
        assert_eq!(code, 200, "{done}");
        done
    };
    let look = json!({"action": "replay", "reason": "missing_field", "dry_run": true});
    assert_eq!(bulk(look).await["matched"], 60);
    let all = bulk(json!({"action": "replay"})).await;
    assert_eq!(
        (&all["matched"], &all["done"]),
        (&json!(65), &json!(60)),
        "{all}"
    );
    assert_eq!(all["refused"], json!({"not_json": 5}));
    let rest = json!({"action": "discard", "reason": "not_json", "partition_id": 0});
    assert_eq!(bulk(rest).await["done"], 5);
    let open = api.get(&format!("{LETTERS}?state=open")).await.1;
    assert_eq!(open["items"], json!([]));
    let partition = api.get("/api/v1/partitions").await.1["items"][0].clone();
    assert_eq!(
        (&partition["stored"], &partition["dead"]),
        (&json!(60), &json!(5))
    );
    site.answer(&["doctor"]).await;
    assert!(node.terminate().await.success());
}
