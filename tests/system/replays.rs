//! Gaps, what becomes of them, and replays.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};

use crate::harness::ledger::Ledger;
use crate::harness::message::status;
use crate::harness::running::Running;
use crate::harness::site::Site;
use crate::harness::wait::until;

/// Sends so many statuses to a partition.
async fn send(site: &Site, partition: u32, owner: &str, count: usize) {
    let sender = site.sender().await;
    let bodies = (0..count).map(|number| status(owner, "1", &number.to_string()));
    sender.send(partition, bodies).await;
    sender.close().await;
}

/// Changes the database behind the node's back.
async fn execute(site: &Site, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(site.database().path())
        .busy_timeout(Duration::from_secs(20));
    let mut connection = options.connect().await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn replay(site: &Site, arguments: &[&str]) -> Value {
    let command = ["replay", "--partition", "0", "--output", "json"];
    let answer = site.answer(&[&command[..], arguments].concat()).await;
    serde_json::from_str(&answer).unwrap()
}

async fn doctor_finds_nothing(site: &Site) {
    site.answer(&["doctor"]).await;
}

#[tokio::test]
async fn what_was_deleted_comes_back_once_beside_live_reading() {
    let site = Site::embedded(2);
    let node = site.start_node().await;
    send(&site, 0, "a", 500).await;
    site.holds_at_the_end().await;
    let sql = "DELETE FROM statuses WHERE partition_id = 0 AND sequence_number % 7 = 3";
    let before = site.database().stored().await;
    execute(&site, sql).await;
    let lost = before
        - site
            .database()
            .number("SELECT count(*) FROM statuses")
            .await;
    assert!(lost > 50, "{lost}");
    let epochs = "SELECT sum(epoch) FROM partitions";
    let epoch = site.database().number(epochs).await;

    // Up to what was there before: live events pass the checkpoint while the replay begins.
    let from = ["--from-sequence", "0", "--to", "499"];
    let foreseen = replay(&site, &[&from[..], &["--dry-run"]].concat()).await;
    assert_eq!(foreseen["stored"], json!(lost));
    let (replayed, ()) = tokio::join!(replay(&site, &from), send(&site, 0, "live", 200));
    for count in ["stored", "already_stored", "missing"] {
        assert_eq!(replayed[count], foreseen[count], "{count}");
    }
    let again = replay(&site, &["--from-time", "2020-01-01T00:00:00Z"]).await;
    assert_eq!(again["stored"], json!(0));
    site.holds_at_the_end().await;
    assert_eq!(
        site.database().number(epochs).await,
        epoch,
        "nobody was displaced"
    );
    doctor_finds_nothing(&site).await;
    assert!(node.terminate().await.success());
}

/// A node that was down while retention took the first events of partition 0; 20 of partition 1 are
/// there.
async fn with_a_gap(on_gap: &str) -> (Site, Running, Running) {
    let mut site = Site::apart(2);
    site.set("hub.retention", "\"1s\"");
    site.set("source.on_gap", on_gap);
    let hub = site.start_hub().await;
    let node = site.start_node().await;
    send(&site, 0, "a", 10).await;
    send(&site, 1, "b", 10).await;
    until("all is stored", async || {
        (site.database().stored().await == 20).then_some(())
    })
    .await;
    assert!(node.terminate().await.success());
    send(&site, 0, "lost", 30).await;
    until("retention took them", async || {
        let truth = site.truth();
        let mut events = truth.events.keys();
        events.all(|(partition, _)| *partition != 0).then_some(())
    })
    .await;
    assert!(hub.terminate().await.success());
    site.set("hub.retention", "\"24h\"");
    let hub = site.start_hub().await;
    send(&site, 0, "late", 10).await;
    send(&site, 1, "b", 10).await;
    let node = site.start_node().await;
    (site, hub, node)
}

async fn stored_of(site: &Site, partition: i64) -> i64 {
    let tables = site.database().read().await;
    let mut rows = tables.partitions.iter();
    rows.find(|row| row.partition_id == partition)
        .map_or(0, |row| row.stored)
}

#[tokio::test]
async fn a_partition_stops_before_a_gap_until_it_is_accepted_and_the_others_go_on() {
    let (site, hub, node) = with_a_gap("\"stop\"").await;
    let api = site.api();
    let warning = until("a warning", async || {
        let (code, body) = api.get("/readyz").await;
        assert_eq!(code, 200, "{body}");
        body["warnings"][0].as_str().map(str::to_owned)
    })
    .await;
    for told in [
        "partition 0",
        "30 events from 10 to 39",
        "accept-gap",
        "source.on_gap",
    ] {
        assert!(warning.contains(told), "{told} is not in {warning}");
    }
    until("the other partition goes on", async || {
        (stored_of(&site, 1).await == 20).then_some(())
    })
    .await;
    assert_eq!(stored_of(&site, 0).await, 10);
    let (_, list) = api.get("/api/v1/partitions").await;
    assert_eq!(list["items"][0]["fault"], json!(warning));
    assert_eq!(list["items"][0]["state"], json!("stalled"));
    let (_, gaps) = api.get("/api/v1/gaps").await;
    assert_eq!(gaps["items"], json!([]), "it was not passed");

    let path = "/api/v1/partitions/0/accept-gap";
    let (code, body) = api.post(path, &json!({"upto_sequence_number": 39})).await;
    assert_eq!(code, 200, "{body}");
    until("the partition goes on", async || {
        (stored_of(&site, 0).await == 20).then_some(())
    })
    .await;
    let (_, gaps) = api.get("/api/v1/gaps").await;
    assert_eq!(gaps["items"][0]["upto_sequence_number"], json!(39));
    let (_, body) = api.get("/readyz").await;
    assert_eq!(body, json!({"status": "ready"}));
    doctor_finds_nothing(&site).await;
    assert!(node.terminate().await.success());
    drop(hub);
}

#[tokio::test]
async fn a_gap_is_recorded_and_passed_and_what_retention_took_is_not_replayed() {
    let (site, hub, node) = with_a_gap("\"continue\"").await;
    until("everything is read", async || {
        (stored_of(&site, 0).await == 20).then_some(())
    })
    .await;
    let (_, gaps) = site.api().get("/api/v1/gaps?partition_id=0").await;
    let gap = &gaps["items"][0];
    assert_eq!(gap["after_sequence_number"], json!(9));
    assert_eq!(gap["upto_sequence_number"], json!(39));
    assert_eq!(gap["reason"], json!("retention"));

    let command = ["replay", "--partition", "0", "--from-sequence"];
    for (from, told) in [("10", "still has is 40"), ("50", "checkpoint is 49")] {
        let refused = site.run(&[&command[..], &[from]].concat()).await;
        assert_eq!(refused.status.code(), Some(1));
        let talk = String::from_utf8_lossy(&refused.stderr);
        assert!(talk.contains(told), "{talk}");
    }
    let replayed = replay(&site, &["--from-sequence", "40"]).await;
    assert_eq!(replayed["already_stored"], json!(10));
    let same = ["--from-sequence", "40", "--consumer-group", "$Default"];
    let refused = site.run(&[&command[..3], &same].concat()).await;
    let talk = String::from_utf8_lossy(&refused.stderr);
    assert!(talk.contains("displace"), "{talk}");
    doctor_finds_nothing(&site).await;
    assert!(node.terminate().await.success());
    drop(hub);
}

#[tokio::test]
async fn a_replay_that_is_cut_off_is_asked_for_again_and_stores_nothing_twice() {
    let site = Site::embedded(1);
    let node = site.start_node().await;
    send(&site, 0, "a", 6_000).await;
    let truth = site.holds_at_the_end().await;
    execute(&site, "DELETE FROM statuses WHERE sequence_number % 2 = 0").await;
    let body = json!({"from_sequence_number": 0});
    let path = "/api/v1/partitions/0/replay";
    let (code, answer) = site.api().post(path, &body).await;
    assert_eq!(code, 202, "{answer}");
    node.kill();
    let node = site.start_node().await;
    replay(&site, &["--from-sequence", "0"]).await;
    Ledger::new(site.database().read().await, truth).holds_at_the_end();
    doctor_finds_nothing(&site).await;
    assert!(node.terminate().await.success());
}
