//! The audit log: who changed what, from what, to what.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use insta::assert_json_snapshot;
use rollcall_store::{NewKey, Role};
use serde_json::Value;
use uuid::Uuid;

use super::world::{World, json};
use crate::Secret;

#[actix_web::test]
async fn every_change_is_recorded_with_who_when_before_and_after() {
    let world = World::new().await;
    let api = world.api().await;
    api.post("/api/v1/owners", r#"{"owner_id": "1"}"#).await;
    // It is there already: asked for, and nothing made.
    api.post("/api/v1/owners", r#"{"owner_id": "1"}"#).await;
    api.patch("/api/v1/owners/1", r#"{"settings": {"gain": 2}}"#)
        .await;
    api.post("/api/v1/owners/1/block", "").await;
    // Refused, and so without a trail.
    api.post("/api/v1/owners/1/approve", "").await;
    api.patch("/api/v1/owners/1", "no JSON").await;
    api.get("/api/v1/owners/1").await;
    let log = api.get("/api/v1/audit").await;
    assert_json_snapshot!(log);
    let first = api.get("/api/v1/audit?limit=4").await;
    assert_eq!(first.body["items"].as_array().unwrap().len(), 4);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = api
        .get(&format!("/api/v1/audit?limit=4&cursor={cursor}"))
        .await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn a_key_and_a_user_are_recorded_as_they_were_and_as_they_are() {
    let world = World::new().await;
    let api = world.api().await;
    let key = api.post("/api/v1/keys", r#"{"name": "deploy", "role": "viewer"}"#);
    let key = key.await.body["key_id"].as_str().unwrap().to_owned();
    api.post(&format!("/api/v1/keys/{key}/revoke"), "").await;
    let user = r#"{"user_name": "ada", "role": "viewer", "password": "correct horse battery"}"#;
    api.post("/api/v1/users", user).await;
    let change = r#"{"role": "admin", "password": "a better one than that"}"#;
    api.patch("/api/v1/users/ada", change).await;
    api.send(TestRequest::delete().uri("/api/v1/users/ada"))
        .await;
    let log = api.get("/api/v1/audit").await;
    let told: Vec<_> = log.body["items"].as_array().unwrap().iter().collect();
    let [deleted, changed, _, revoked, _] = told.as_slice() else {
        panic!("five changes: {log:?}");
    };
    assert_eq!(revoked["before"]["revoked_at"], Value::Null);
    assert!(revoked["after"]["revoked_at"].is_string(), "{revoked:?}");
    assert_eq!(changed["before"]["role"], "viewer");
    assert_eq!(changed["after"]["role"], "admin");
    assert_eq!(changed["after"]["password_changed"], true);
    assert_eq!(deleted["before"]["role"], "admin");
    assert_eq!(deleted["after"], Value::Null);
}

#[actix_web::test]
async fn the_log_names_the_caller_and_never_a_secret() {
    let world = World::new().await;
    let api = world.guarded().await;
    let secret = Secret::of_key();
    let key = NewKey {
        key_id: Uuid::from_u128(1),
        name: "root".to_owned(),
        role: Role::Admin,
        secret_hash: secret.hash(),
        created_by: "test".to_owned(),
        lifetime: None,
    };
    world.store.create_key(key).await.unwrap();
    let bearer = ("authorization", format!("Bearer {}", secret.reveal()));
    let ask = async |method, path, body| {
        let request = json(method, path, body).insert_header(bearer.clone());
        api.send(request).await
    };
    let password = "correct horse battery";
    let user = format!(r#"{{"user_name": "ada", "role": "viewer", "password": "{password}"}}"#);
    assert_eq!(ask(Method::POST, "/api/v1/users", &user).await.status, 201);
    let key = r#"{"name": "deploy", "role": "viewer"}"#;
    let made = ask(Method::POST, "/api/v1/keys", key).await;
    assert_eq!(made.status, 201);
    // A stranger's wish is no change: it stands in no log that admins read for changes.
    let stranger = json(Method::POST, "/api/v1/owners", r#"{"owner_id": "1"}"#);
    assert_eq!(api.send(stranger).await.status, 401);
    let log = TestRequest::with_uri("/api/v1/audit").insert_header(bearer.clone());
    let log = api.send(log).await;
    assert_eq!(log.items("caller"), ["key:root", "key:root"]);
    assert_eq!(
        log.items("action"),
        ["POST /api/v1/keys", "POST /api/v1/users"]
    );
    for kept_back in [password, "argon2", made.body["secret"].as_str().unwrap()] {
        assert!(
            !log.text.contains(kept_back),
            "{kept_back} is in {}",
            log.text
        );
    }
}
