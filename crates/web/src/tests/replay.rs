use insta::assert_json_snapshot;
use rollcall_model::{PartitionId, SequenceNumber, StreamId, Timestamp};
use rollcall_pipeline::{ReplayPoint, ReplayProgress, ReplayRefusal, ReplayState};
use rollcall_store::{ReplayCounts, ReplayMode};
use serde_json::json;

use super::world::World;

const REPLAY: &str = "/api/v1/partitions/3/replay";

fn progress() -> ReplayProgress {
    let at = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    ReplayProgress {
        stream_id: StreamId(1),
        partition_id: PartitionId(3),
        consumer_group: "rollcall-replay".to_owned(),
        dry_run: false,
        state: ReplayState::Done,
        started_at: at,
        ended_at: Some(at),
        from_sequence_number: Some(SequenceNumber(10)),
        to_sequence_number: SequenceNumber(99),
        sequence_number: Some(SequenceNumber(99)),
        missing: 1,
        counts: ReplayCounts {
            stored: 9,
            already_stored: 80,
            ..ReplayCounts::default()
        },
        fault: None,
    }
}

#[actix_web::test]
async fn a_replay_is_begun_and_told_of() {
    let world = World::new().await;
    let api = world.api().await;
    *world.desk.answer.lock().unwrap() = Ok(progress());
    let body =
        r#"{"from_sequence_number": 10, "to_time": "2020-01-01T00:00:00Z", "dry_run": true}"#;
    assert_json_snapshot!(api.post(REPLAY, body).await);
    let request = world.desk.requests.lock().unwrap()[0].clone();
    assert_eq!(request.partition_id, PartitionId(3));
    assert_eq!(request.from, ReplayPoint::Sequence(SequenceNumber(10)));
    assert!(matches!(request.to, Some(ReplayPoint::Time(_))));
    assert_eq!(request.mode, ReplayMode::DryRun);
    assert_eq!(api.get(REPLAY).await.body["stored"], json!(9));
}

#[actix_web::test]
async fn a_replay_that_cannot_be_says_why() {
    let world = World::new().await;
    let api = world.api().await;
    assert_eq!(api.get(REPLAY).await.status, 404);
    for (body, status) in [
        ("{}", 422),
        (
            r#"{"from_sequence_number": 1, "from_time": "2020-01-01T00:00:00Z"}"#,
            422,
        ),
        (r#"{"from_sequence_number": 1, "form": 1}"#, 422),
        (r#"{"from_sequence_number": 1}"#, 404),
    ] {
        assert_eq!(api.post(REPLAY, body).await.status, status, "{body}");
    }
    let body = r#"{"from_sequence_number": 1}"#;
    *world.desk.answer.lock().unwrap() = Err(ReplayRefusal::Running);
    assert_json_snapshot!(api.post(REPLAY, body).await);
    let why = "retention took number 1: the first one that the hub still has is 7".to_owned();
    *world.desk.answer.lock().unwrap() = Err(ReplayRefusal::Impossible(why.clone()));
    let refused = api.post(REPLAY, body).await;
    assert_eq!((refused.status, refused.detail()), (409, why.as_str()));
    assert_eq!(
        api.post("/api/v1/partitions/x/replay", body).await.status,
        400
    );
}

#[actix_web::test]
async fn a_gap_is_accepted_up_to_the_number_that_was_seen() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    world.fill(3).await;
    let path = "/api/v1/partitions/3/accept-gap";
    let passed = api.post(path, r#"{"upto_sequence_number": 4}"#).await;
    assert_eq!(passed.status, 409, "{passed:?}");
    assert_eq!(api.post(path, "{}").await.status, 422);
    let accepted = api.post(path, r#"{"upto_sequence_number": 20}"#).await;
    assert_eq!(accepted.body, json!({"gap_accepted_upto": 20}));
    let list = api.get("/api/v1/partitions").await;
    assert_eq!(list.body["items"][0]["gap_accepted_upto"], json!(20));
    let other = "/api/v1/partitions/4/accept-gap";
    assert_eq!(
        api.post(other, r#"{"upto_sequence_number": 20}"#)
            .await
            .status,
        404
    );
}

#[actix_web::test]
async fn every_generation_is_listed_with_its_partitions() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    world.fill(3).await;
    let api = world.api().await;
    assert_json_snapshot!(api.get("/api/v1/streams").await);
    assert_eq!(
        api.get("/api/v1/gaps").await.body,
        json!({"items": [], "next_cursor": null})
    );
    assert_eq!(api.get("/api/v1/gaps?partition_id=x").await.status, 400);
}

#[actix_web::test]
async fn a_node_with_a_partition_that_stopped_is_ready_and_warns() {
    let world = World::new().await;
    let api = world.api().await;
    *world.desk.warnings.lock().unwrap() = vec!["partition 3 stopped before a gap".to_owned()];
    let answer = api.get("/readyz").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body["warnings"],
        json!(["partition 3 stopped before a gap"])
    );
}
