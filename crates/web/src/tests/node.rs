use std::time::Duration;

use insta::assert_json_snapshot;
use rollcall_model::{PartitionId, SequenceNumber, Timestamp};
use rollcall_pipeline::{LeaseLoss, ReaderStatus, ShardStatus};
use rollcall_store::{NodeReport, PartitionState, SinkRegistration};
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{NODE, World};

#[actix_web::test]
async fn what_is_unknown_is_null_in_the_summary() {
    let world = World::new().await;
    assert_json_snapshot!(world.api().await.get("/api/v1/summary").await);
}

#[actix_web::test]
async fn the_summary_adds_up_what_is_known_of_every_partition() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    world.fill(1).await;
    reads(&world, 0, Some(6)).await;
    let half = api.get("/api/v1/summary").await;
    assert_eq!(
        half.body["lag_events"],
        Value::Null,
        "one partition's lag is unknown"
    );
    reads(&world, 1, Some(4)).await;
    assert_json_snapshot!(api.get("/api/v1/summary").await);
}

/// Lets this node's reader know the partition's last number.
async fn reads(world: &World, partition: u32, last: Option<i64>) {
    let stream_id = world.stream().await.stream_id;
    let rows = world.store.list_partitions(stream_id).await.unwrap();
    let row = rows
        .iter()
        .find(|row| row.partition_id == PartitionId(partition))
        .unwrap();
    let last = last.map(SequenceNumber);
    world
        .desk
        .status
        .lock()
        .unwrap()
        .readers
        .push(ReaderStatus {
            partition_id: row.partition_id,
            state: PartitionState::Reading,
            epoch: Some(row.epoch),
            sequence_number: row.sequence_number,
            last_enqueued_sequence_number: last,
            lag_events: last.map(|last| last.0 - 4),
            lag_seconds: Some(1.5),
            last_commit_at: row.last_commit_at,
            in_flight_batches: 2,
            restarts: 1,
            fault: None,
        });
}

#[actix_web::test]
async fn partitions_show_lease_checkpoint_totals_and_what_their_reader_knows() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    world.fill(1).await;
    reads(&world, 1, Some(6)).await;
    assert_json_snapshot!(world.api().await.get("/api/v1/partitions").await);
}

#[actix_web::test]
async fn a_partition_that_this_node_lost_says_why_it_is_not_read_here() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    world.fill(1).await;
    reads(&world, 1, Some(6)).await;
    let loss = |partition_id| LeaseLoss {
        partition_id: PartitionId(partition_id),
        at: Timestamp::EPOCH,
        fault: "the lease ran out".to_owned(),
    };
    let losses = vec![loss(0), loss(1)];
    world.desk.status.lock().unwrap().leases.losses = losses;
    let list = world.api().await.get("/api/v1/partitions").await;
    assert_eq!(list.body["items"][0]["fault"], "the lease ran out");
    assert_eq!(
        list.body["items"][1]["fault"],
        Value::Null,
        "it is read here again"
    );
}

#[actix_web::test]
async fn a_reader_of_another_epoch_says_nothing_of_the_partition() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    reads(&world, 0, Some(6)).await;
    for reader in &mut world.desk.status.lock().unwrap().readers {
        reader.epoch = reader.epoch.map(|epoch| rollcall_model::Epoch(epoch.0 - 1));
    }
    let list = world.api().await.get("/api/v1/partitions").await;
    assert_eq!(list.body["items"][0]["restarts"], Value::Null);
    assert_eq!(list.body["items"][0]["lag_events"], Value::Null);
}

#[actix_web::test]
async fn nodes_and_their_shards_are_listed() {
    let world = World::new().await;
    for (node, api) in [
        (NODE, None),
        ("node-2", Some("http://10.0.0.2:8080".to_owned())),
    ] {
        let report = NodeReport {
            node: node.to_owned(),
            incarnation: Uuid::from_u128(2),
            roles: vec!["ingest".to_owned(), "api".to_owned()],
            version: "0.1.0".to_owned(),
            api,
            shards: json!([{"shard": 0, "depth": 9, "owners": 9, "restarts": 9}]),
            leases: json!({"claimed": 9, "released": 4, "lost": 0, "lapsed": 1}),
        };
        world.store.report_node(&report).await.unwrap();
    }
    let shard = ShardStatus {
        shard: 0,
        depth: 1,
        owners: 2,
        restarts: 3,
    };
    world.desk.status.lock().unwrap().shards.push(shard);
    let api = world.api().await;
    assert_json_snapshot!("nodes", api.get("/api/v1/nodes").await);
    let shards = api.get("/api/v1/shards").await;
    assert_eq!(shards.items("node"), [NODE, "node-2"]);
    assert_json_snapshot!("shards", shards);
    *world.clock.0.lock().unwrap() = Duration::from_secs(120);
    assert_eq!(
        api.get("/api/v1/shards").await.items("node"),
        [NODE],
        "node-2 is silent"
    );
}

#[actix_web::test]
async fn events_are_listed_with_each_sinks_delivery() {
    let world = World::new().await;
    let sink = SinkRegistration {
        name: "hook".to_owned(),
        types: Vec::new(),
    };
    world.store.register_sinks(&[sink]).await.unwrap();
    world.enter("ü", &["a"]).await;
    let list = world.api().await.get("/api/v1/events").await;
    assert_eq!(list.items("subject"), ["%C3%BC", "%C3%BC/a"]);
    assert_json_snapshot!(list.body["items"][0]);
}

#[actix_web::test]
async fn a_node_that_is_not_ready_says_why() {
    let world = World::new().await;
    let api = world.api().await;
    assert_eq!(api.get("/livez").await.body, json!({"status": "live"}));
    assert_eq!(api.get("/readyz").await.body, json!({"status": "ready"}));
    let reasons = ["the event hub was not reached yet", "the node drains"];
    *world.desk.reasons.lock().unwrap() = reasons.map(str::to_owned).to_vec();
    assert_json_snapshot!(api.get("/readyz").await);
    assert_eq!(api.get("/livez").await.status, 200, "it lives nevertheless");
}

#[actix_web::test]
async fn metrics_know_requests_by_pattern_and_never_by_id() {
    let world = World::new().await;
    let api = world.api().await;
    api.get("/api/v1/owners/some-owner").await;
    api.get("/some-path").await;
    let metrics = api.get("/metrics").await;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(metrics.headers["content-type"], media_type);
    let line = r#"rollcall_http_requests_total{method="GET",route="/api/v1/owners/{owner_id}",status="404"} 1"#;
    assert!(metrics.text.contains(line), "{}", metrics.text);
    assert!(
        metrics.text.contains(r#"route="none",status="404"} 1"#),
        "{}",
        metrics.text
    );
    assert!(!metrics.text.contains("some-"), "{}", metrics.text);
    assert!(metrics.text.ends_with("# EOF\n"));
}

#[actix_web::test]
async fn the_start_page_loads_nothing_from_elsewhere() {
    let world = World::new().await;
    let api = world.api().await;
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/start.css", "text/css; charset=utf-8"),
        ("/start.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let file = api.get(path).await;
        assert_eq!(
            (file.status, file.headers["content-type"].as_str()),
            (200, media_type)
        );
        let text = file.text.replace("http://www.w3.org/2000/svg", "");
        for foreign in [
            "http:", "https:", "\"//", "'//", "(//", "data:", "style=", "onclick",
        ] {
            assert!(!text.contains(foreign), "{path} has {foreign}");
        }
    }
    for link in api.get("/").await.text.split("href=\"").skip(1) {
        let path = link.split('"').next().unwrap();
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn every_figure_of_the_start_page_is_in_the_summary() {
    let world = World::new().await;
    let api = world.api().await;
    let summary = api.get("/api/v1/summary").await.body;
    let page = api.get("/").await.text;
    let fields: Vec<_> = page.split("data-field=\"").skip(1).collect();
    assert_eq!(fields.len(), 10);
    for field in fields {
        let pointer = format!("/{}", field.split('"').next().unwrap().replace('.', "/"));
        assert!(
            summary.pointer(&pointer).is_some(),
            "{pointer} is not in {summary}"
        );
    }
}
