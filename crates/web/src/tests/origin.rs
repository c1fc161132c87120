//! What a browser says about where a request comes from, and what becomes of it.

use actix_web::http::Method;
use actix_web::test::TestRequest;

use super::world::{World, json};

const OWNERS: &str = "/api/v1/owners";

fn creation(headers: &[(&'static str, &'static str)]) -> TestRequest {
    let request = json(Method::POST, OWNERS, r#"{"owner_id": "1"}"#);
    headers
        .iter()
        .fold(request, |request, header| request.insert_header(*header))
}

#[actix_web::test]
async fn a_change_that_another_site_sends_is_refused_and_not_done() {
    let world = World::new().await;
    let api = world.api().await;
    for headers in [
        [("host", "127.0.0.1:8080"), ("sec-fetch-site", "cross-site")],
        [("host", "127.0.0.1:8080"), ("sec-fetch-site", "same-site")],
        [
            ("host", "127.0.0.1:8080"),
            ("origin", "http://evil.example"),
        ],
        [
            ("host", "127.0.0.1:8080"),
            ("origin", "http://127.0.0.1:9090"),
        ],
        [("host", "127.0.0.1:8080"), ("origin", "null")],
    ] {
        let answer = api.send(creation(&headers)).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.detail().contains("another site"), "{answer:?}");
    }
    // Without a body, nothing but this guard is in the way.
    let resend =
        TestRequest::with_uri("/api/v1/events/0197b0c8-0000-7000-8000-000000000000/resend")
            .method(Method::POST)
            .insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(api.send(resend).await.status, 403);
    assert_eq!(api.get("/api/v1/owners/1").await.status, 404);
}

#[actix_web::test]
async fn the_console_and_programs_may_change_and_anybody_may_read() {
    let world = World::new().await;
    let api = world.api().await;
    let proxied = [
        ("host", "10.0.0.7:8080"),
        ("origin", "https://roll.example"),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(api.send(creation(&proxied)).await.status, 201);
    let plain = [("host", "Roll.example"), ("origin", "http://roll.example")];
    assert_eq!(api.send(creation(&plain)).await.status, 200);
    assert_eq!(api.send(creation(&[])).await.status, 200);
    let link = TestRequest::with_uri(OWNERS).insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(api.send(link).await.status, 200);
}
