//! Newcomers whom the stream may not enter: their statuses are dropped and counted, and whoever is
//! entered by hand is bound by none of it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::message::status;
use crate::harness::site::Site;
use crate::harness::tables::Tables;
use crate::harness::wait::until;

const PARTITIONS: u32 = 2;

#[tokio::test]
async fn under_deny_only_owners_that_were_made_by_hand_are_read() {
    let mut site = Site::embedded(PARTITIONS);
    site.set("registry.provisioning", "\"deny\"");
    let node = site.start_node().await;
    send(&site, &["stranger", "guest", "stranger"]).await;
    passed(&site, 3, 0).await;

    let (code, owner) = site
        .api()
        .post("/api/v1/owners", &json!({"owner_id": "guest"}))
        .await;
    assert_eq!((code, &owner["state"]), (201, &json!("active")), "{owner}");
    send(&site, &["stranger", "guest", "stranger"]).await;
    let tables = passed(&site, 5, 1).await;
    assert_eq!(owners(&tables), ["guest"]);
    assert_eq!(tables.sub_owners, [("guest".into(), "s".into())]);
    assert_eq!(tables.statuses.len(), PARTITIONS as usize);
    for partition in &tables.partitions {
        assert_eq!(
            partition.dropped,
            BTreeMap::from([("denied".to_owned(), 5)])
        );
        assert_eq!(partition.stored, 1);
    }
    holds(&site).await;
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn patterns_keep_newcomers_out_and_leave_alone_who_is_on_the_roll() {
    let mut site = Site::embedded(PARTITIONS);
    let node = site.start_node().await;
    send(&site, &["old"]).await;
    passed(&site, 0, 1).await;
    assert!(node.terminate().await.success());

    site.set("registry.allow", "[\"plant-*\"]");
    site.set("registry.deny", "[\"*-test\"]");
    let node = site.start_node().await;
    send(&site, &["old", "plant-7", "plant-test", "new"]).await;
    let tables = passed(&site, 2, 3).await;
    assert_eq!(owners(&tables), ["old", "plant-7"]);
    holds(&site).await;
    assert!(node.terminate().await.success());
}

/// A status of each owner to every partition.
async fn send(site: &Site, owners: &[&str]) {
    let sender = site.sender().await;
    for partition in 0..PARTITIONS {
        let bodies = owners.iter().map(|owner| status(owner, "s", "1"));
        sender.send(partition, bodies).await;
    }
    sender.close().await;
}

/// Waits until every partition has at least dropped and stored so many.
async fn passed(site: &Site, dropped: i64, stored: i64) -> Tables {
    until("the partitions are read", async || {
        let tables = site.database().read().await;
        let has_passed = tables.partitions.iter().all(|partition| {
            partition.dropped.values().sum::<i64>() >= dropped && partition.stored >= stored
        });
        let complete = tables.partitions.len() == PARTITIONS as usize;
        (complete && has_passed).then_some(tables)
    })
    .await
}

fn owners(tables: &Tables) -> Vec<&str> {
    tables.owners.keys().map(String::as_str).collect()
}

/// The stored invariants, by the program itself.
async fn holds(site: &Site) {
    site.answer(&["doctor"]).await;
}
