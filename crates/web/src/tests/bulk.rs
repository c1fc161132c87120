//! One wish for many owners.

use insta::assert_json_snapshot;
use rollcall_model::OwnerState;
use serde_json::{Value, json};

use super::world::{Answered, Api, World};

async fn world() -> World {
    let world = World::new().await;
    for owner in ["a-1", "a-2", "a-3", "b-1", "b-2"] {
        world.enter(owner, &["s"]).await;
    }
    world.put("a-2", OwnerState::Blocked).await;
    world.put("b-2", OwnerState::Deleted).await;
    world
}

async fn bulk(api: &Api, body: Value) -> Answered {
    api.post("/api/v1/owners:bulk", &body.to_string()).await
}

async fn states(api: &Api) -> Vec<String> {
    let list = api.get("/api/v1/owners").await;
    let state = |item: &str| item.to_owned();
    list.items("state").into_iter().map(state).collect()
}

const BEFORE: [&str; 5] = ["active", "blocked", "active", "active", "deleted"];

#[actix_web::test]
async fn a_look_counts_and_changes_nothing_and_the_act_does_what_it_counted() {
    let world = world().await;
    let api = world.api().await;
    let wish = |dry_run| json!({"action": "block", "filter": {"q": "-"}, "dry_run": dry_run});
    let look = bulk(&api, wish(true)).await;
    assert_eq!(look.body["done"], 4, "{look:?}");
    assert_eq!(look.body["refused"], json!({"deleted": 1}));
    assert_eq!(states(&api).await, BEFORE);
    let done = bulk(&api, wish(false)).await;
    assert_eq!(done.body["done"], 4, "{done:?}");
    assert_eq!(done.body["refused"], json!({"deleted": 1}));
    let blocked = "blocked";
    assert_eq!(
        states(&api).await,
        [blocked, blocked, blocked, blocked, "deleted"]
    );
    let log = api.get("/api/v1/audit").await;
    assert_json_snapshot!("audit_of_bulk", log.body["items"][0]);
    // The look before changed nothing.
    assert_eq!(log.body["items"][1]["after"], Value::Null);
}

#[actix_web::test]
async fn owners_are_found_by_state_by_part_and_by_name() {
    let world = world().await;
    let api = world.api().await;
    for (filter, matched) in [
        (json!({"state": "active"}), 3),
        (json!({"state": "active", "q": "A-"}), 2),
        (json!({"owner_ids": ["b-1", "a-1", "b-1"]}), 2),
        (json!({"q": "nobody"}), 0),
    ] {
        let wish = json!({"action": "delete", "filter": filter, "dry_run": true});
        let look = bulk(&api, wish).await;
        assert_eq!(look.body["matched"], matched, "{look:?}");
    }
    let restored = json!({"action": "restore", "filter": {"state": "deleted"}});
    assert_eq!(bulk(&api, restored).await.body["done"], 1);
    assert_eq!(states(&api).await[4], "active");
}

#[actix_web::test]
async fn settings_are_merged_into_those_of_each_owner() {
    let world = world().await;
    let api = world.api().await;
    api.patch(
        "/api/v1/owners/a-1",
        r#"{"settings": {"gain": 2, "unit": "kW"}}"#,
    )
    .await;
    let filter = json!({"owner_ids": ["a-1", "a-3"]});
    let wish = json!({"action": "change_settings", "filter": filter, "settings": {"gain": 3}});
    assert_eq!(bulk(&api, wish).await.body["done"], 2);
    let first = api.get("/api/v1/owners/a-1").await;
    assert_eq!(first.body["settings"], json!({"gain": 3.0, "unit": "kW"}));
    let third = api.get("/api/v1/owners/a-3").await;
    assert_eq!(third.body["settings"], json!({"gain": 3.0}));
    let wrong = json!({"action": "change_settings", "filter": filter, "settings": {"gain": "x"}});
    assert_eq!(bulk(&api, wrong).await.status, 422);
}

#[actix_web::test]
async fn a_wish_that_is_about_everybody_or_unclear_is_refused() {
    let world = world().await;
    let api = world.api().await;
    for (wish, status, said) in [
        (
            json!({"action": "block", "filter": {}}),
            400,
            "give owner_ids, q or state",
        ),
        (
            json!({"action": "block", "filter": {"owner_ids": ["a-1"], "q": "a"}}),
            400,
            "stand alone",
        ),
        (
            json!({"action": "block", "filter": {"owner_ids": ["nobody"]}}),
            404,
            "no owner \"nobody\"",
        ),
        (
            json!({"action": "change_settings", "filter": {"q": "a"}}),
            400,
            "needs a merge patch",
        ),
        (
            json!({"action": "block", "filter": {"q": "a"}, "settings": {}}),
            400,
            "only change_settings",
        ),
        (
            json!({"action": "block", "filter": {"state": "sleepy"}}),
            422,
            "sleepy",
        ),
    ] {
        let answer = bulk(&api, wish).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.detail().contains(said), "{answer:?}");
    }
    assert_eq!(states(&api).await, BEFORE);
}
