use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::json;

use super::world::World;

const PREVIEW: &str = "/api/v1/owners/1/settings:preview";

#[actix_web::test]
async fn the_history_of_settings_is_paged_newest_first() {
    let world = World::new().await;
    let api = world.api().await;
    let made = r#"{"owner_id":"1"}"#;
    assert_eq!(api.post("/api/v1/owners", made).await.status, 201);
    let path = "/api/v1/owners/1/settings/history";
    assert_eq!(api.get(path).await.body["items"], json!([]));
    for gain in [2, 3] {
        let patch = format!(r#"{{"settings":{{"gain":{gain}}}}}"#);
        assert_eq!(api.patch("/api/v1/owners/1", &patch).await.status, 200);
    }
    let first = api.get(&format!("{path}?limit=2")).await;
    assert_json_snapshot!(first.body["items"]);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let rest = api.get(&format!("{path}?limit=2&cursor={cursor}")).await;
    assert_eq!(rest.body["items"][0]["version"], 1);
    assert_eq!(rest.body["items"][0]["settings"], json!({}));
    assert_eq!(rest.body["next_cursor"], json!(null));
    let nobody = api.get("/api/v1/owners/2/settings/history").await;
    assert_eq!(nobody.status, 404);
}

#[actix_web::test]
async fn a_preview_shows_what_a_proposal_would_make_of_stored_statuses_and_writes_nothing() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a", "b"]).await;
    world.fill(0).await;
    let steps =
        r#"{"settings":{"pointer":"/v","steps":[{"linear":{"gain":2}}]},"sub_owner_id":"a"}"#;
    let shown = api.post(PREVIEW, steps).await;
    assert!(
        shown.text.contains(r#""data":{"v": 1.50},"#),
        "{}",
        shown.text
    );
    assert_snapshot!(shown.text);
    let newest = api.post(PREVIEW, r#"{"settings":{"gain":2}}"#).await;
    assert_json_snapshot!(newest.body);
    let owner = api.get("/api/v1/owners/1").await;
    assert_eq!(
        (&owner.body["version"], &owner.body["settings"]),
        (&json!(1), &json!({}))
    );
}

#[actix_web::test]
async fn a_preview_merges_onto_what_is_set() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    world.fill(0).await;
    let set = r#"{"settings":{"pointer":"/v","gain":2}}"#;
    assert_eq!(api.patch("/api/v1/owners/1", set).await.status, 200);
    let body = r#"{"settings":{"sub_owners":{"a":{"offset":1}}},"sub_owner_id":"a","limit":200}"#;
    let shown = api.post(PREVIEW, body).await;
    assert!(shown.text.contains(r#""version":2,"#), "{}", shown.text);
    assert!(shown.text.contains(r#""preview":4.0,"#), "{}", shown.text);
}

#[actix_web::test]
async fn a_proposal_that_cannot_be_previewed_is_refused() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    for (body, status) in [
        (r#"{"settings":{"steps":[{"clamp":{}}]}}"#, 422),
        (r#"{"settings":{"steps":[{"clam":{}}]}}"#, 422),
        (r#"{"settings":{},"limit":0}"#, 422),
        (r#"{"settings":{},"limit":201}"#, 422),
        ("{}", 422),
        (r#"{"settings":{},"limits":1}"#, 422),
    ] {
        assert_eq!(api.post(PREVIEW, body).await.status, status, "{body}");
    }
    let path = "/api/v1/owners/2/settings:preview";
    assert_eq!(api.post(path, r#"{"settings":{}}"#).await.status, 404);
    assert_eq!(api.get(PREVIEW).await.status, 405);
}
