//! The document: equal to the routes, and true of what is answered.

use std::collections::BTreeSet;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use rollcall_model::OwnerState;
use serde_json::Value;

use super::world::{World, json};
use crate::Auth;
use crate::openapi;

fn document() -> &'static Value {
    openapi::document(Auth::On)
}

/// Method and path of every operation of the document.
fn described() -> BTreeSet<(String, String)> {
    let paths = document()["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods
            .filter(|method| *method != "parameters")
            .map(move |method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

/// The routes as they are written, with the methods that they are to answer.
fn routed() -> BTreeSet<(String, String)> {
    const SOURCE: &str = include_str!("../routes.rs");
    let source: String = SOURCE.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut routed = BTreeSet::new();
    for (call, methods) in [
        ("only_read(", Some("GET")),
        ("only_post(", Some("POST")),
        ("resource(", None),
    ] {
        for rest in source.split(call).skip(1) {
            let mut texts = rest.split('"');
            let (before, path) = (texts.next().unwrap(), texts.next());
            let Some(path) = path.filter(|path| before.trim().is_empty() && path.starts_with('/'))
            else {
                continue;
            };
            let methods = methods.unwrap_or_else(|| match texts.next().unwrap().trim() {
                "," => texts.next().unwrap(),
                ", LIST)" | ", LIST).route(read(owners::list));" => "GET, HEAD, POST",
                text if text.starts_with(", LIST") => "GET, HEAD, POST",
                text if text.starts_with(", OWNER") => "DELETE, GET, HEAD, PATCH",
                text => panic!("the methods of {path} are not understood: {text}"),
            });
            let of_api = !["/livez", "/readyz", "/metrics", "/openapi.json"].contains(&path);
            let path = match of_api && !path.starts_with("/api/v1") {
                true => format!("/api/v1{path}"),
                false => path.to_owned(),
            };
            let methods = methods.split(", ").filter(|method| *method != "HEAD");
            routed.extend(methods.map(|method| (method.to_owned(), path.clone())));
        }
    }
    routed
}

/// Files of pages, which are no operations.
const PAGES: [&str; 8] = [
    "/",
    "/start.css",
    "/start.js",
    "/icon.svg",
    "/docs",
    "/docs.css",
    "/docs.js",
    "/assets/{name}",
];

#[test]
fn the_document_has_every_route_and_no_other() {
    let pages = PAGES.map(|path| format!("/api/v1{path}"));
    let mut routed = routed();
    routed.retain(|(_, path)| !pages.contains(path));
    assert!(routed.len() > 40, "the routes were read: {routed:?}");
    assert_eq!(described(), routed);
}

#[test]
fn every_reference_leads_somewhere_and_no_shape_is_left_over() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is not there");
    }
    for name in schemas.keys() {
        let reference = format!("#/components/schemas/{name}\"");
        assert!(text.contains(&reference), "nothing refers to {name}");
    }
    let ids: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
}

/// What is wrong with a value that the document says to be of this shape.
fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let whole = serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [schema],
        "components": document()["components"],
    });
    let validator = jsonschema::validator_for(&whole).unwrap();
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn schema_of(method: &str, path: &str, status: u16) -> Value {
    let answers = &document()["paths"][path][method]["responses"];
    let answer = &answers[status.to_string()];
    let answer = match answer["$ref"].as_str() {
        Some(_) => &document()["components"]["responses"]["Problem"],
        None => answer,
    };
    let content = answer["content"].as_object();
    let content = content.unwrap_or_else(|| panic!("{method} {path} has no {status}"));
    content.values().next().unwrap()["schema"].clone()
}

#[actix_web::test]
async fn what_is_answered_is_what_the_document_says() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    world.enter("2", &[]).await;
    world.put("2", OwnerState::Blocked).await;
    world.fill(0).await;
    let api = world.api().await;
    let letters = api.get("/api/v1/dead-letters").await;
    let letter = letters.items("id").first().map(|id| (*id).to_owned());
    let letter = format!("/api/v1/dead-letters/{}", letter.unwrap());
    let events = api.get("/api/v1/events").await;
    let event = format!("/api/v1/events/{}", events.items("event_id")[0]);
    let settings = r#"{"settings": {"gain": 2, "sub_owners": {"a": {"offset": 1}}}}"#;
    let key = r#"{"name": "x", "role": "viewer", "expires_in_seconds": 60}"#;
    let user = r#"{"user_name": "ada", "role": "viewer", "password": "correct horse battery"}"#;
    let bulk = r#"{"action": "block", "filter": {"q": "1"}, "dry_run": true}"#;
    for (method, pattern, path, body) in [
        ("get", "/api/v1/owners", "/api/v1/owners", ""),
        (
            "post",
            "/api/v1/owners",
            "/api/v1/owners",
            r#"{"owner_id": "3"}"#,
        ),
        (
            "post",
            "/api/v1/owners",
            "/api/v1/owners",
            r#"{"owner_id": ""}"#,
        ),
        ("get", "/api/v1/owners/{owner_id}", "/api/v1/owners/1", ""),
        (
            "get",
            "/api/v1/owners/{owner_id}",
            "/api/v1/owners/nobody",
            "",
        ),
        (
            "patch",
            "/api/v1/owners/{owner_id}",
            "/api/v1/owners/1",
            settings,
        ),
        ("get", "/livez", "/livez", ""),
        ("get", "/readyz", "/readyz", ""),
        (
            "get",
            "/api/v1/owners/{owner_id}/sub-owners/{sub_owner_id}",
            "/api/v1/owners/1/sub-owners/a",
            "",
        ),
        ("get", "/api/v1/approvals", "/api/v1/approvals", ""),
        ("post", "/api/v1/owners:bulk", "/api/v1/owners:bulk", bulk),
        (
            "get",
            "/api/v1/owners/{owner_id}/sub-owners",
            "/api/v1/owners/1/sub-owners",
            "",
        ),
        (
            "get",
            "/api/v1/owners/{owner_id}/sub-owners/{sub_owner_id}/statuses",
            "/api/v1/owners/1/sub-owners/a/statuses?order=asc&limit=1",
            "",
        ),
        ("get", "/api/v1/dead-letters", "/api/v1/dead-letters", ""),
        ("get", "/api/v1/dead-letters/{id}", letter.as_str(), ""),
        ("get", "/api/v1/summary", "/api/v1/summary", ""),
        ("get", "/api/v1/partitions", "/api/v1/partitions", ""),
        ("get", "/api/v1/gaps", "/api/v1/gaps", ""),
        ("get", "/api/v1/streams", "/api/v1/streams", ""),
        ("get", "/api/v1/nodes", "/api/v1/nodes", ""),
        ("get", "/api/v1/shards", "/api/v1/shards", ""),
        ("get", "/api/v1/events", "/api/v1/events", ""),
        ("get", "/api/v1/events/{id}", event.as_str(), ""),
        ("get", "/api/v1/sinks", "/api/v1/sinks", ""),
        ("get", "/api/v1/session", "/api/v1/session", ""),
        ("post", "/api/v1/keys", "/api/v1/keys", key),
        ("get", "/api/v1/keys", "/api/v1/keys", ""),
        ("post", "/api/v1/users", "/api/v1/users", user),
        ("get", "/api/v1/users", "/api/v1/users", ""),
        ("get", "/api/v1/audit", "/api/v1/audit", ""),
        ("get", "/api/v1/settings", "/api/v1/settings", ""),
    ] {
        let request = match body {
            "" => TestRequest::with_uri(path),
            body => json(
                Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path,
                body,
            ),
        };
        let answer = api.send(request).await;
        let schema = schema_of(method, pattern, answer.status);
        // As it came: the tests' names in place of times would be no times.
        let value = serde_json::from_str(&answer.text).unwrap();
        let faults = faults(&schema, &value);
        assert!(
            faults.is_empty(),
            "{method} {path}: {faults:?} of {}",
            answer.text
        );
    }
}

#[actix_web::test]
async fn anybody_may_read_the_document_and_its_page() {
    let world = World::new().await;
    let api = world.guarded().await;
    let document = api.get("/openapi.json").await;
    assert_eq!(document.status, 200);
    assert_eq!(document.body["openapi"], "3.1.0");
    for path in ["/docs", "/docs.css", "/docs.js"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
}

/// What the console's types are made of.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/console/openapi.json");

#[allow(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the program"
)]
fn renews() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always")
}

#[actix_web::test]
async fn the_committed_document_is_what_the_server_serves() {
    let world = World::new().await;
    let served = world.guarded().await.get("/openapi.json").await;
    let served: Value = serde_json::from_str(&served.text).unwrap();
    if renews() {
        let text = serde_json::to_string_pretty(&served).unwrap() + "\n";
        std::fs::write(COMMITTED, text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    let committed: Value = serde_json::from_str(&committed).unwrap_or_default();
    // Not by `assert_eq`: that would print both documents.
    assert!(
        committed == served,
        "{COMMITTED} is out of date: run this test with INSTA_UPDATE=always, then \
         `npm run schema` in crates/web/console"
    );
}
