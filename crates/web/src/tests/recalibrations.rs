//! Recalibrations by the API.

use super::world::World;

const OF_OWNER: &str = "/api/v1/owners/1/recalibrations";
const ALL: &str = "/api/v1/recalibrations";

#[actix_web::test]
async fn a_job_is_made_listed_steered_and_over() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    let api = world.api().await;
    for nothing in [
        r#"{"dry_run": true}"#,
        r#"{"from": "2100-01-01T00:00:00Z", "dry_run": true}"#,
    ] {
        let counted = api.post(OF_OWNER, nothing).await;
        assert_eq!(
            (counted.status, &counted.body["statuses"]),
            (200, &0.into())
        );
    }
    let made = api
        .post(OF_OWNER, r#"{"to": "2026-11-27T00:00:00Z"}"#)
        .await;
    assert_eq!(made.status, 201);
    let id = made.body["job_id"].as_str().unwrap().to_owned();
    let second = api.post(OF_OWNER, "{}").await;
    assert_eq!(second.status, 409);
    assert!(
        second
            .detail()
            .contains("is running: wait for it or cancel it")
    );
    for (verb, state) in [
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ] {
        let steered = api.post(&format!("{ALL}/{id}/{verb}"), "").await;
        assert_eq!(
            (steered.status, &steered.body["state"]),
            (200, &state.into())
        );
    }
    let over = api.post(&format!("{ALL}/{id}/pause"), "").await;
    assert_eq!(over.status, 409);
    assert!(over.detail().contains("is cancelled already"));
    let read = api.get(&format!("{ALL}/{id}")).await;
    let listed = api.get(&format!("{ALL}?owner_id=1&state=cancelled")).await;
    assert_eq!(listed.body["items"][0], read.body);
}

#[actix_web::test]
async fn what_cannot_be_meant_is_refused_with_its_mend() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    let api = world.api().await;
    for (path, body, status, said) in [
        (OF_OWNER, r#"{"form": "2026-01-01T00:00:00Z"}"#, 422, "form"),
        (
            "/api/v1/owners/nobody/recalibrations",
            "{}",
            404,
            "no owner",
        ),
        (
            "/api/v1/recalibrations/7/pause",
            "",
            400,
            "not the id of a recalibration",
        ),
        (
            "/api/v1/recalibrations/00000000-0000-0000-0000-000000000000/cancel",
            "",
            404,
            "there is no recalibration",
        ),
    ] {
        let refused = api.post(path, body).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.body.to_string().contains(said), "{refused:?}");
    }
}
