//! How many owners and sub-owners the stream may enter.

use serde_json::{Value, json};

use crate::harness::message::status;
use crate::harness::site::Site;
use crate::harness::wait::until;

const OWNERS: &str = "/api/v1/owners";

/// Sends a status of each sub-owner of each owner, and waits until all are accounted for.
async fn send(site: &Site, owners: &[String], sub_owners: &[&str]) {
    let bodies = owners.iter().flat_map(|owner| {
        sub_owners
            .iter()
            .map(move |sub_owner| status(owner, sub_owner, "1"))
    });
    let sender = site.sender().await;
    sender.send(0, bodies).await;
    sender.close().await;
    site.settled().await;
}

fn owners(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("owner-{number}")).collect()
}

async fn roll(site: &Site) -> Vec<Value> {
    let list = site.api().get(OWNERS).await.1;
    list["items"].as_array().unwrap().clone()
}

async fn partition(site: &Site) -> Value {
    site.api().get("/api/v1/partitions").await.1["items"][0].clone()
}

#[tokio::test]
async fn the_stream_enters_owners_up_to_the_quota_and_hands_enter_more() {
    let mut site = Site::embedded(1);
    site.set("registry.owner_quota", "5");
    let node = site.start_node().await;
    let api = site.api();
    send(&site, &owners(0..20), &["s"]).await;
    assert_eq!(roll(&site).await.len(), 5);
    assert_eq!(partition(&site).await["dropped"], json!({"quota": 15}));
    // Those who are in go on; a hand may enter anybody.
    let first = roll(&site).await[0]["owner_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (code, _) = api.post(OWNERS, &json!({"owner_id": "by-hand"})).await;
    assert_eq!(code, 201);
    send(&site, &[first.clone(), "by-hand".to_owned()], &["s"]).await;
    assert_eq!(partition(&site).await["stored"], 7);
    // Whoever is deleted makes room.
    assert_eq!(api.delete(&format!("{OWNERS}/{first}")).await.0, 200);
    until("there is room for one", async || {
        send(&site, &["successor".to_owned()], &["s"]).await;
        let path = format!("{OWNERS}/successor");
        (api.get(&path).await.0 == 200).then_some(())
    })
    .await;
    send(&site, &["one-too-many".to_owned()], &["s"]).await;
    assert_eq!(api.get(&format!("{OWNERS}/one-too-many")).await.0, 404);
    site.answer(&["doctor"]).await;
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn the_stream_enters_sub_owners_up_to_the_quota_of_each_owner() {
    let mut site = Site::embedded(1);
    site.set("registry.sub_owner_quota", "2");
    let node = site.start_node().await;
    let api = site.api();
    send(&site, &owners(0..3), &["a", "b", "c", "d"]).await;
    let before = partition(&site).await;
    assert_eq!(before["stored"], 6);
    assert_eq!(before["dropped"], json!({"sub_owner_quota": 6}));
    for owner in owners(0..3) {
        let list = api.get(&format!("{OWNERS}/{owner}/sub-owners")).await.1;
        assert_eq!(list["items"].as_array().unwrap().len(), 2, "{list}");
    }
    let path = format!("{OWNERS}/owner-0/sub-owners");
    let (code, _) = api.post(&path, &json!({"sub_owner_id": "z"})).await;
    assert_eq!(code, 201, "a hand may enter more");
    send(&site, &owners(0..1), &["z"]).await;
    assert_eq!(partition(&site).await["stored"], 7);
    assert!(node.terminate().await.success());

    site.set("registry.sub_owner_quota", "3");
    let node = site.start_node().await;
    send(&site, &owners(0..1), &["a", "b", "c", "d"]).await;
    let after = partition(&site).await;
    assert_eq!(
        (&after["stored"], &after["dropped"]),
        (&json!(10), &json!({"sub_owner_quota": 7}))
    );
    site.answer(&["doctor"]).await;
    assert!(node.terminate().await.success());
}
