use actix_web::http::Method;
use actix_web::test::TestRequest;
use insta::assert_json_snapshot;
use rollcall_store::Kind;

use super::world::{World, json};
use crate::Problem;

#[actix_web::test]
async fn every_fault_of_the_settings_is_named_at_once() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    let unit = "x".repeat(65);
    let body = format!(
        r#"{{"settings":{{"pointer":"v","unit":"{unit}","sub_owners":{{"a":{{"pointer":"/~"}}}}}}}}"#
    );
    assert_json_snapshot!(api.patch("/api/v1/owners/1", &body).await);
    let body = r#"{"owner_id":"2","settings":{"pointer":"v"}}"#;
    assert_eq!(api.post("/api/v1/owners", body).await.status, 422);
    assert_eq!(
        api.get("/api/v1/owners/1").await.body["version"],
        1,
        "nothing was changed"
    );
}

#[actix_web::test]
async fn wrong_bodies_are_refused_with_the_name_of_what_is_wrong() {
    let world = World::new().await;
    let api = world.api().await;
    world.enter("1", &["a"]).await;
    for (method, path, body, status, problem) in [
        (
            Method::POST,
            "owners",
            r#"{"ownerId":"1"}"#,
            422,
            "unknown field `ownerId`",
        ),
        (
            Method::POST,
            "owners",
            "{}",
            422,
            "missing field `owner_id`",
        ),
        (
            Method::POST,
            "owners",
            r#"{"owner_id":""}"#,
            422,
            "an id needs at least one character",
        ),
        (
            Method::POST,
            "owners",
            r#"{"owner_id":"1""#,
            400,
            "the body is not JSON",
        ),
        (Method::POST, "owners", "", 400, "the body is not JSON"),
        (
            Method::POST,
            "owners",
            r#"{"owner_id":"1","settings":{"gian":2}}"#,
            422,
            "`gian`",
        ),
        (
            Method::PATCH,
            "owners/1",
            r#"{"state":"blocked"}"#,
            422,
            "unknown field `state`",
        ),
        (
            Method::PATCH,
            "owners/1",
            r#"{"settings":{"gian":2}}"#,
            422,
            "`gian`",
        ),
        (
            Method::PATCH,
            "owners/1",
            r#"{"settings":{"gain":"2"}}"#,
            422,
            "settings: invalid type",
        ),
        (
            Method::PATCH,
            "owners/1",
            r#"{"settings":[]}"#,
            422,
            "settings: a merge patch is an object",
        ),
        (
            Method::PATCH,
            "owners/1",
            r#"{"display_name":""}"#,
            422,
            "display_name: needs 1 to 256",
        ),
        (
            Method::PATCH,
            "owners/9",
            "{}",
            404,
            "there is no owner \"9\"",
        ),
        (
            Method::PATCH,
            "owners/1/sub-owners/a",
            r#"{"settings":{"gian":2}}"#,
            422,
            "`gian`",
        ),
        (
            Method::PATCH,
            "owners/1/sub-owners/b",
            "{}",
            404,
            "there is no sub-owner \"b\"",
        ),
    ] {
        let refused = api
            .send(json(method, &format!("/api/v1/{path}"), body))
            .await;
        assert_eq!(refused.status, status, "{path} {body}: {refused:?}");
        assert!(
            refused.detail().contains(problem),
            "{path} {body}: {refused:?}"
        );
        assert_eq!(refused.headers["content-type"], "application/problem+json");
    }
}

#[actix_web::test]
async fn a_body_that_is_too_large_is_413() {
    let world = World::new().await;
    let body = format!(r#"{{"owner_id":"{}"}}"#, "x".repeat(5_000));
    assert_json_snapshot!(world.api().await.post("/api/v1/owners", &body).await);
}

#[actix_web::test]
async fn a_body_of_another_media_type_is_415() {
    let world = World::new().await;
    let api = world.api().await;
    let request = TestRequest::post()
        .uri("/api/v1/owners")
        .set_payload(r#"{"owner_id":"1"}"#);
    assert_json_snapshot!(api.send(request).await);
    let request = json(Method::POST, "/api/v1/owners", r#"{"owner_id":"1"}"#);
    let request = request.insert_header(("content-type", "Application/JSON; charset=utf-8"));
    assert_eq!(api.send(request).await.status, 201);
}

#[actix_web::test]
async fn what_is_not_there_and_what_is_not_possible_is_a_problem_too() {
    let world = World::new().await;
    let api = world.api().await;
    assert_json_snapshot!("unknown_path", api.get("/api/v1/ownerz").await);
    let request = TestRequest::delete().uri("/api/v1/owners");
    assert_json_snapshot!("unknown_method", api.send(request).await);
    assert_eq!(api.get("/").await.status, 200);
    assert_eq!(api.get("/nowhere").await.status, 404);
    let head = TestRequest::default()
        .method(Method::HEAD)
        .uri("/api/v1/owners");
    assert_eq!(api.send(head).await.status, 200);
}

#[actix_web::test]
async fn an_inner_error_does_not_leak() {
    for (kind, status) in [
        (Kind::Unavailable, 503),
        (Kind::Unknown, 503),
        (Kind::Defect, 500),
    ] {
        let problem = Problem::from(rollcall_store::Error {
            operation: "read /secret/path".to_owned(),
            kind,
            source: Some("password=hush".into()),
        });
        let answer = actix_web::ResponseError::error_response(&problem);
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), status == 503);
        let body = serde_json::to_string(&problem).unwrap();
        assert!(!body.contains("secret") && !body.contains("hush"), "{body}");
        assert_eq!(body.contains("urn:uuid:"), status == 500, "{body}");
    }
}
