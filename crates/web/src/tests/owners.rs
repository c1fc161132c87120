use actix_web::http::Method;
use futures::future::join_all;
use insta::assert_json_snapshot;

use super::world::{World, json};

#[actix_web::test]
async fn the_first_creation_is_201_and_the_second_200() {
    let world = World::new().await;
    let api = world.api().await;
    let body = r#"{"owner_id":"1","display_name":"Plant","settings":{"gain":2}}"#;
    assert_json_snapshot!(api.post("/api/v1/owners", body).await);
    let again = api.post("/api/v1/owners", r#"{"owner_id":"1"}"#).await;
    assert_eq!(
        (again.status, again.headers["etag"].as_str()),
        (200, "\"1\"")
    );
    assert_eq!(again.body["display_name"], "Plant", "the resource as it is");
}

#[actix_web::test]
async fn a_deleted_owner_stays_readable_and_is_not_created_again() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    world.delete("1").await;
    assert_eq!(api.get("/api/v1/owners/1").await.body["state"], "deleted");
    assert_json_snapshot!(api.post("/api/v1/owners", r#"{"owner_id":"1"}"#).await);
    assert_eq!(
        api.patch("/api/v1/owners/1", r#"{"display_name":"x"}"#)
            .await
            .status,
        409
    );
    let below = api
        .post("/api/v1/owners/1/sub-owners", r#"{"sub_owner_id":"b"}"#)
        .await;
    assert_eq!(below.status, 409, "{below:?}");
}

#[actix_web::test]
async fn twenty_creations_at_once_make_one_owner() {
    let world = World::new().await;
    let api = world.api().await;
    let answers =
        join_all((0..20).map(|_| api.post("/api/v1/owners", r#"{"owner_id":"1"}"#))).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let existed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((created, existed), (1, 19));
}

#[actix_web::test]
async fn a_patch_is_merged() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    let first =
        r#"{"settings":{"pointer":"/v","gain":2,"sub_owners":{"a":{"gain":3,"unit":"kW"}}}}"#;
    assert_eq!(api.patch("/api/v1/owners/1", first).await.status, 200);
    let second =
        r#"{"display_name":"Plant","settings":{"gain":null,"sub_owners":{"a":{"gain":4}}}}"#;
    assert_json_snapshot!(api.patch("/api/v1/owners/1", second).await);
    let reset = api
        .patch(
            "/api/v1/owners/1",
            r#"{"display_name":null,"settings":null}"#,
        )
        .await;
    assert_eq!(reset.body["settings"], serde_json::json!({}));
    assert_eq!(reset.body["display_name"], serde_json::Value::Null);
    assert_eq!(reset.headers["etag"], "\"4\"");
}

#[actix_web::test]
async fn steps_take_the_place_of_gain_and_offset_and_their_faults_are_named() {
    let world = World::new().await;
    let api = world.api().await;
    let gain = r#"{"owner_id":"1","settings":{"gain":2}}"#;
    assert_eq!(api.post("/api/v1/owners", gain).await.status, 201);
    let path = "/api/v1/owners/1";
    let beside = r#"{"settings":{"steps":[{"clamp":{}},{"table":{"points":[[0,1],[0,2]]}}]}}"#;
    assert_json_snapshot!(api.patch(path, beside).await);
    let shapeless = r#"{"settings":{"steps":[{"table":{"points":[[0,1],[1]]}}]}}"#;
    assert_json_snapshot!(api.patch(path, shapeless).await);
    let steps = r#"{"settings":{"gain":null,"steps":[
        {"labels":{"map":{"open":1},"otherwise":null}},{"clamp":{"min":0}}]}}"#;
    assert_json_snapshot!(api.patch(path, steps).await.body["settings"]);
    let replaced = r#"{"settings":{"steps":[{"linear":{"gain":3}}]}}"#;
    assert_json_snapshot!(api.patch(path, replaced).await.body["settings"]);
}

#[actix_web::test]
async fn a_patch_that_changes_nothing_keeps_the_version() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &[]).await;
    assert_eq!(
        api.patch("/api/v1/owners/1", "{}").await.headers["etag"],
        "\"1\""
    );
}

#[actix_web::test]
async fn if_match_guards_a_change() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &[]).await;
    let patch = async |tag: &'static str, name: &str| {
        let body = format!(r#"{{"display_name":"{name}"}}"#);
        let request = json(Method::PATCH, "/api/v1/owners/1", &body);
        api.send(request.insert_header(("if-match", tag))).await
    };
    assert_eq!(patch("\"1\"", "a").await.status, 200);
    assert_json_snapshot!(patch("\"1\"", "b").await);
    assert_eq!(
        patch("W/\"2\"", "c").await.status,
        412,
        "a weak tag never matches"
    );
    assert_eq!(patch("\"9\", \"2\"", "d").await.status, 200);
    assert_eq!(patch("*", "e").await.body["version"], 4);
}

#[actix_web::test]
async fn changes_at_once_all_survive() {
    let world = World::new().await;
    let api = world.api().await;
    let ids = ["a", "b", "c", "d", "e", "f"];
    world.enter("1", &ids).await;
    let patches =
        ids.map(|id| format!(r#"{{"settings":{{"sub_owners":{{"{id}":{{"gain":2}}}}}}}}"#));
    let answers = join_all(
        patches
            .iter()
            .map(|body| api.patch("/api/v1/owners/1", body)),
    )
    .await;
    assert!(
        answers.iter().all(|answer| answer.status == 200),
        "{answers:?}"
    );
    let owner = api.get("/api/v1/owners/1").await;
    assert_eq!(owner.body["version"], 7);
    assert_eq!(
        owner.body["settings"]["sub_owners"]
            .as_object()
            .unwrap()
            .len(),
        ids.len()
    );
}
