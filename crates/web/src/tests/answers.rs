//! What a program that reads answers gets, where no other test shows the whole of it.

use insta::assert_json_snapshot;
use rollcall_model::OwnerState;

use super::world::World;

#[actix_web::test]
async fn answers_about_owners_that_wait_and_about_many() {
    let world = World::new().await;
    let api = world.api().await;
    for owner in ["1", "2", "3"] {
        world.enter(owner, &["a"]).await;
    }
    world.put("2", OwnerState::Pending).await;
    assert_json_snapshot!("approvals", api.get("/api/v1/approvals").await);
    let wish = r#"{"action": "block", "filter": {"owner_ids": ["1", "2"]}}"#;
    assert_json_snapshot!("owners_bulk", api.post("/api/v1/owners:bulk", wish).await);
    let mut job = api.post("/api/v1/owners/3/recalibrations", "{}").await;
    job.body["job_id"] = "[id]".into();
    assert_json_snapshot!("recalibration", job.body);
}

#[actix_web::test]
async fn answers_about_letters() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    let api = world.api().await;
    let letters = api.get("/api/v1/dead-letters").await;
    let letter = letters.items("id").first().map(|id| (*id).to_owned());
    let discard = format!("/api/v1/dead-letters/{}/discard", letter.unwrap());
    assert_json_snapshot!("discarded", api.post(&discard, "").await);
    let wish = r#"{"action": "discard"}"#;
    let many = api.post("/api/v1/dead-letters:bulk", wish).await;
    assert_json_snapshot!("dead_letters_bulk", many);
}

#[actix_web::test]
async fn answers_about_who_may_ask() {
    let world = World::new().await;
    let api = world.api().await;
    let key = r#"{"name": "deploy", "role": "viewer", "expires_in_seconds": 60}"#;
    api.post("/api/v1/keys", key).await;
    let mut keys = api.get("/api/v1/keys").await;
    keys.body["items"][0]["key_id"] = "[id]".into();
    assert_json_snapshot!("keys", keys);
    let user = r#"{"user_name": "ada", "role": "admin", "password": "correct horse battery"}"#;
    assert_json_snapshot!("user", api.post("/api/v1/users", user).await);
}
