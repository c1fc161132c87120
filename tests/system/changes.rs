//! What one node changes, and what becomes of a database, reaches the others.

use rollcall_test_servers::Postgres;
use serde_json::json;

use crate::harness::fleet::Node;
use crate::harness::message::status;
use crate::harness::scene::{NEVER, Scene};
use crate::harness::sender::Sender;
use crate::harness::wait::until;

const PARTITIONS: u32 = 4;
const NODES: [&str; 2] = ["a", "b"];
/// How old the settings may be by which a status is calibrated.
const STALENESS_MILLIS: i64 = 2_000;
/// What listens for changes.
const LISTENING: &str = "FROM pg_stat_activity WHERE application_name LIKE 'rollcall/%'
                         AND datname = current_database() AND query LIKE 'LISTEN%'";
const CHANGES: i64 = 5;

/// Changes the settings of an owner through a node; the version that it has from then on.
async fn change(node: &Node, gain: i64) -> i64 {
    let patch = json!({"settings": {"pointer": "/t", "gain": gain}});
    let (code, owner) = node.api.patch("/api/v1/owners/meter", &patch).await;
    assert_eq!(code, 200, "{owner}");
    owner["version"].as_i64().unwrap()
}

async fn send(sender: &Sender) {
    for partition in 0..PARTITIONS {
        let body = status("meter", &partition.to_string(), r#"{"t": 1}"#);
        sender.send(partition, [body]).await;
    }
}

/// Sends to every partition until each has a status of that version, and until the change is older
/// than anybody's settings may be; milliseconds from the change to the last partition's first.
async fn is_applied_everywhere(scene: &Scene<'_>, sender: &Sender, version: i64) -> i64 {
    let changed = format!(
        "(SELECT changed_at FROM settings_history
          WHERE owner_id = 'meter' AND version = {version})"
    );
    let applied = format!(
        "SELECT count(DISTINCT partition_id) FROM statuses WHERE version >= {version}
         AND owner_id = 'meter'"
    );
    let age = format!("SELECT floor(extract(epoch FROM clock_timestamp() - {changed}) * 1000)");
    until("every partition has the new version", async || {
        send(sender).await;
        let everywhere = scene.number(&applied) == i64::from(PARTITIONS);
        (everywhere && scene.number(&age) > STALENESS_MILLIS).then_some(())
    })
    .await;
    // One more of each, now that nobody may be late any more.
    send(sender).await;
    scene.site.settled().await;
    let late = scene.psql(&format!(
        "SELECT partition_id, version, enqueued_at - {changed} FROM statuses
         WHERE owner_id = 'meter' AND version < {version}
         AND enqueued_at > {changed} + interval '{STALENESS_MILLIS} milliseconds'"
    ));
    assert_eq!(late, "", "statuses by settings that are too old");
    scene.number(&format!(
        "SELECT floor(extract(epoch FROM max(first) - {changed}) * 1000)
         FROM (SELECT min(enqueued_at) AS first FROM statuses
               WHERE owner_id = 'meter' AND version >= {version} GROUP BY partition_id) AS firsts"
    ))
}

/// Two nodes, each of which has read statuses of the owner.
async fn meters() -> (Scene<'static>, [Node; 2], Sender) {
    let scene = Scene::open(PARTITIONS, NEVER).await;
    let nodes = scene.nodes(NODES).await;
    scene.spread(&NODES).await;
    let sender = scene.site.sender().await;
    send(&sender).await;
    scene.site.settled().await;
    (scene, nodes, sender)
}

#[tokio::test]
async fn a_change_on_one_node_applies_on_every_node_within_two_seconds() {
    let (scene, nodes, sender) = meters().await;
    for round in 1..=CHANGES {
        let version = change(&nodes[0], round).await;
        let took = is_applied_everywhere(&scene, &sender, version).await;
        eprintln!("version {version} was applied everywhere after {took} ms");
    }
    let wrong = scene.psql("SELECT * FROM statuses WHERE version > 1 AND value <> version - 1");
    assert_eq!(wrong, "", "each value is that of its version's settings");
    sender.close().await;
    scene.ends(None, nodes.into()).await;
}

#[tokio::test]
async fn a_sub_owner_that_is_deleted_on_one_node_is_dropped_on_every_node() {
    let (scene, nodes, sender) = meters().await;
    let path = "/api/v1/owners/meter/sub-owners/0";
    let (code, deleted) = nodes[0].api.delete(path).await;
    assert_eq!((code, &deleted["state"]), (200, &json!("deleted")));
    let age = "SELECT floor(extract(epoch FROM clock_timestamp() - max(changed_at)) * 1000)
               FROM settings_history WHERE owner_id = 'meter'";
    until("the change is older than anybody's entries", async || {
        (scene.number(age) > STALENESS_MILLIS).then_some(())
    })
    .await;
    let stored = "SELECT count(*) FROM statuses WHERE sub_owner_id = '0'";
    let before = scene.number(stored);
    for partition in 0..PARTITIONS {
        let body = status("meter", "0", r#"{"t": 1}"#);
        sender.send(partition, [body]).await;
    }
    scene.site.settled().await;
    assert_eq!(scene.number(stored), before);
    let dropped = "SELECT sum((dropped::jsonb ->> 'deleted')::bigint) FROM partitions";
    assert_eq!(scene.number(dropped), i64::from(PARTITIONS));
    sender.close().await;
    for node in nodes {
        assert!(node.process.terminate().await.success());
    }
}

#[tokio::test]
async fn a_change_whose_notification_is_lost_is_seen_all_the_same() {
    let (scene, nodes, sender) = meters().await;
    for round in 1..=CHANGES {
        until("both nodes listen", async || {
            let listening = scene.number(&format!("SELECT count(*) {LISTENING}"));
            (listening == 2).then_some(())
        })
        .await;
        let cut = scene.number(&format!(
            "SELECT count(pg_terminate_backend(pid, 2000)) {LISTENING}"
        ));
        assert_eq!(cut, 2);
        // Nobody hears of it: to connect again takes longer.
        let version = change(&nodes[0], round).await;
        let took = is_applied_everywhere(&scene, &sender, version).await;
        eprintln!("version {version} was applied everywhere after {took} ms");
    }
    sender.close().await;
    scene.ends(None, nodes.into()).await;
}

/// Sends an owner of its own, and settles.
async fn send_newcomer(scene: &Scene<'_>, sender: &Sender, owner: &str) {
    for partition in 0..PARTITIONS {
        let bodies = (0..20).map(|number| status(owner, &number.to_string(), r#"{"t": 1}"#));
        sender.send(partition, bodies).await;
    }
    scene.site.settled().await;
}

#[tokio::test]
async fn nodes_forget_what_a_restored_database_does_not_know_and_read_it_again() {
    let postgres = Postgres::start().unwrap();
    let scene = Scene::open_on(&postgres, PARTITIONS, "\"5s\"").await;
    let nodes = scene.nodes(NODES).await;
    scene.spread(&NODES).await;
    let sender = scene.site.sender().await;
    send(&sender).await;
    send_newcomer(&scene, &sender, "old").await;
    let snapshot = postgres.snapshot().unwrap();

    // All of it is resident, and none of it is in the copy: an owner, sub-owners of one that is
    // there, one by hand, and settings.
    until("the nodes are back", async || {
        let (code, _) = nodes[0]
            .api
            .post("/api/v1/owners", &json!({"owner_id": "by hand"}))
            .await;
        (code == 201 || code == 200).then_some(())
    })
    .await;
    let version = change(&nodes[0], 7).await;
    is_applied_everywhere(&scene, &sender, version).await;
    send_newcomer(&scene, &sender, "new").await;
    let bodies = (100..200).map(|number| status("old", &number.to_string(), "1"));
    sender.send(0, bodies).await;
    scene.site.settled().await;

    let fleet = scene.fleet();
    scene.progresses().await;
    let claimed = scene.leases().await;
    postgres.restore(&snapshot).unwrap();
    for node in &nodes {
        until("the node says that the past is lost", async || {
            let lost = node.api.counter("rollcall_database_pasts_lost_total").await;
            (lost > 0).then_some(())
        })
        .await;
    }
    scene.progresses().await;
    for (id, lease) in scene.leases().await {
        assert!(
            lease.epoch > claimed[&id].epoch,
            "partition {id} is claimed anew: {lease:?}"
        );
    }
    assert!(fleet.terminate().await.success());
    // Whoever is on the roll now was read again from the hub; the one by hand is gone.
    let truth = scene.site.holds_at_the_end().await;
    assert!(
        truth
            .readings()
            .any(|(_, _, reading)| reading.owner_id == "new")
    );
    let (code, _) = nodes[1].api.get("/api/v1/owners/by%20hand").await;
    assert_eq!(code, 404);
    // The settings are those of the copy, on both nodes.
    send(&sender).await;
    scene.site.settled().await;
    assert_eq!(
        scene.psql("SELECT DISTINCT version FROM statuses WHERE owner_id = 'meter'"),
        "1"
    );
    sender.close().await;
    scene.ends(None, nodes.into()).await;
}
