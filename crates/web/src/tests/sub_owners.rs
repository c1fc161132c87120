use actix_web::http::Method;
use insta::assert_json_snapshot;

use super::world::{World, json};

#[actix_web::test]
async fn a_sub_owner_is_created_below_its_owner_once() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &[]).await;
    let create = async || {
        api.post("/api/v1/owners/1/sub-owners", r#"{"sub_owner_id":"a"}"#)
            .await
    };
    assert_json_snapshot!(create().await);
    assert_eq!(create().await.status, 200);
    let orphan = api
        .post("/api/v1/owners/2/sub-owners", r#"{"sub_owner_id":"a"}"#)
        .await;
    assert_eq!(
        (orphan.status, orphan.detail()),
        (404, "there is no owner \"2\"")
    );
}

#[actix_web::test]
async fn sub_owners_are_listed_and_read() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["b", "a"]).await;
    let list = api.get("/api/v1/owners/1/sub-owners").await;
    assert_eq!(list.items("sub_owner_id"), ["a", "b"]);
    assert_eq!(
        api.get("/api/v1/owners/1/sub-owners/a").await.headers["etag"],
        "\"1\""
    );
    assert_json_snapshot!(api.get("/api/v1/owners/1/sub-owners/c").await);
    assert_eq!(api.get("/api/v1/owners/2/sub-owners").await.status, 404);
}

#[actix_web::test]
async fn a_sub_owners_settings_are_its_owners_override() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a", "b"]).await;
    let path = "/api/v1/owners/1/sub-owners/a";
    assert_json_snapshot!(
        api.patch(path, r#"{"settings":{"gain":3,"unit":"kW"}}"#)
            .await
    );
    let merged = api
        .patch(path, r#"{"settings":{"gain":null,"offset":1}}"#)
        .await;
    assert_eq!(
        merged.body["settings"],
        serde_json::json!({"offset": 1.0, "unit": "kW"})
    );
    let owner = api.get("/api/v1/owners/1").await;
    assert_eq!(
        owner.body["settings"]["sub_owners"]["a"],
        merged.body["settings"]
    );
    assert_eq!(owner.body["version"], 3);
    api.patch(path, r#"{"settings":null}"#).await;
    assert_eq!(
        api.get("/api/v1/owners/1").await.body["settings"],
        serde_json::json!({})
    );
}

#[actix_web::test]
async fn if_match_is_about_the_sub_owners_own_version() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    api.patch("/api/v1/owners/1", r#"{"display_name":"x"}"#)
        .await;
    let patch = async |gain: u8| {
        let body = format!(r#"{{"settings":{{"gain":{gain}}}}}"#);
        let request = json(Method::PATCH, "/api/v1/owners/1/sub-owners/a", &body);
        api.send(request.insert_header(("if-match", "\"1\""))).await
    };
    assert_eq!(patch(2).await.headers["etag"], "\"2\"");
    assert_eq!(patch(3).await.status, 412);
}

#[actix_web::test]
async fn a_deleted_sub_owner_stays_readable_and_comes_back_by_its_state() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    let path = "/api/v1/owners/1/sub-owners/a";
    let delete = || json(Method::DELETE, path, "");
    let stale = delete().insert_header(("if-match", "\"7\""));
    assert_eq!(api.send(stale).await.status, 412);
    let deleted = api.send(delete()).await;
    assert_eq!(
        (deleted.status, &deleted.body["state"]),
        (200, &"deleted".into())
    );
    assert_eq!(deleted.headers["etag"], "\"2\"");
    assert_eq!(api.get(path).await.body["state"], "deleted");
    // Once more is no further change.
    assert_eq!(api.send(delete()).await.headers["etag"], "\"2\"");
    let gain = r#"{"settings":{"gain":2}}"#;
    assert_eq!(api.patch(path, gain).await.status, 409);
    let back = api.patch(path, r#"{"state":"active","settings":{"gain":2}}"#);
    let back = back.await;
    assert_eq!((back.status, &back.body["state"]), (200, &"active".into()));
    assert_eq!(back.body["settings"]["gain"], 2.0);
    let nobody = json(Method::DELETE, "/api/v1/owners/1/sub-owners/b", "");
    assert_eq!(api.send(nobody).await.status, 404);
    let log = api.get("/api/v1/audit").await;
    assert_eq!(
        log.items("action")[0],
        "DELETE /api/v1/owners/{owner_id}/sub-owners/{sub_owner_id}"
    );
}
