use rollcall_store::{DeliveryOutcome, SinkRegistration};
use serde_json::{Value, json};

use super::world::World;

const BULK: &str = "/api/v1/events:bulk";

async fn world() -> World {
    let world = World::new().await;
    let sink = |name: &str| SinkRegistration {
        name: name.to_owned(),
        types: vec!["rollcall.owner.created".to_owned()],
    };
    let sinks = [sink("crm"), sink("audit")];
    world.store.register_sinks(&sinks).await.unwrap();
    world.enter("1", &[]).await;
    world.enter("2", &[]).await;
    world
}

async fn park(world: &World, sink: &str) -> Vec<String> {
    let due = world.store.due_deliveries(sink, 10).await.unwrap();
    let parked = |error: &str| DeliveryOutcome::Parked {
        error: error.to_owned(),
    };
    let outcomes = due.iter().map(|it| (it.event_id, parked("410 Gone")));
    let settled = world.store.settle_deliveries(sink, outcomes.collect());
    settled.await.unwrap();
    due.iter().map(|it| it.event_id.to_string()).collect()
}

fn states(event: &Value) -> Vec<&str> {
    let deliveries = event["deliveries"].as_array().unwrap();
    deliveries
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn an_event_that_is_parked_is_shown_and_sent_again() {
    let world = world().await;
    let api = world.api().await;
    let ids = park(&world, "crm").await;
    let parked = api
        .get("/api/v1/events?state=parked&sink=crm&order=desc")
        .await;
    assert_eq!(parked.items("event_id"), [&*ids[1], &*ids[0]]);
    let path = format!("/api/v1/events/{}", ids[0]);
    assert_eq!(states(&api.get(&path).await.body), ["pending", "parked"]);
    let again = api.post(&format!("{path}/resend?sink=crm"), "").await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(states(&again.body), ["pending", "pending"]);
    assert_eq!(
        api.get("/api/v1/events?state=parked")
            .await
            .items("event_id"),
        [&*ids[1]]
    );
}

#[actix_web::test]
async fn all_that_is_parked_is_counted_and_sent_again() {
    let world = world().await;
    let api = world.api().await;
    park(&world, "crm").await;
    park(&world, "audit").await;
    let dry = api
        .post(BULK, r#"{"action":"resend_parked","dry_run":true}"#)
        .await;
    assert_eq!(dry.body, json!({"deliveries": 4, "dry_run": true}));
    let one = api
        .post(BULK, r#"{"action":"resend_parked","sink":"crm"}"#)
        .await;
    assert_eq!(one.body, json!({"deliveries": 2, "dry_run": false}));
    let sinks = api.get("/api/v1/sinks").await;
    let figures: Vec<_> = sinks.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["sink"].as_str().unwrap(),
                it["pending"].as_u64(),
                it["parked"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        figures,
        [("audit", Some(0), Some(2)), ("crm", Some(2), Some(0))]
    );
    assert!(sinks.body["items"][0]["oldest_pending_at"].is_null());
    assert!(sinks.body["items"][1]["oldest_pending_at"].is_string());
}

#[actix_web::test]
async fn what_cannot_be_sent_again_is_refused_by_name() {
    let world = world().await;
    let api = world.api().await;
    let ids = park(&world, "crm").await;
    let unknown = "/api/v1/events/00000000-0000-0000-0000-000000000000";
    assert_eq!(api.get(unknown).await.status, 404);
    assert_eq!(api.post(&format!("{unknown}/resend"), "").await.status, 404);
    let nowhere = api
        .post(&format!("/api/v1/events/{}/resend?sink=cmr", ids[0]), "")
        .await;
    assert_eq!(nowhere.status, 404);
    assert!(
        nowhere.detail().contains("no sink \"cmr\" is registered"),
        "{nowhere:?}"
    );
    for body in [
        r#"{"action":"forget"}"#,
        r#"{"action":"resend_parked","sinks":"crm"}"#,
    ] {
        assert_eq!(api.post(BULK, body).await.status, 422, "{body}");
    }
    let nowhere = api.post(BULK, r#"{"action":"resend_parked","sink":"cmr"}"#);
    assert_eq!(nowhere.await.status, 404);
}
