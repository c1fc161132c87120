use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;

use super::world::World;
use crate::api::stream::Streams;
use crate::auth::Gate;
use crate::console::{Console, File};
use crate::server::app;
use crate::{Config, Serves};

const INDEX: &[u8] =
    b"<!doctype html><script type=\"module\" src=\"/assets/index-B1.js\"></script>";
const SCRIPT: &[u8] = &[b' '; 4_096];
const BUILT: Console = Console::of(&[
    File {
        path: "/index.html",
        etag: "1f",
        bytes: INDEX,
    },
    File {
        path: "/assets/index-B1.js",
        etag: "2f",
        bytes: SCRIPT,
    },
]);
const NOT_BUILT: Console = Console::of(&[]);
/// What a browser accepts where it was sent to a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn ask(config: Config, request: TestRequest) -> ServiceResponse<impl MessageBody> {
    let world = World::new().await;
    let gate = Gate::new(&config, world.store.clone());
    let service = init_service(app(
        Data::new(world.state()),
        Data::new(config),
        Data::new(gate),
        Data::new(Streams::new().0),
    ))
    .await;
    call_service(&service, request.to_request()).await
}

fn with(console: Console) -> Config {
    Config {
        console,
        ..Config::new(([127, 0, 0, 1], 0).into())
    }
}

fn visit(path: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header(("accept", BROWSER))
}

fn header(answer: &ServiceResponse<impl MessageBody>, name: &str) -> String {
    let value = answer.headers().get(name).map(|it| it.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

#[actix_web::test]
async fn every_page_of_the_console_can_be_loaded_by_its_address() {
    for path in ["/", "/owners?q=a", "/owners/a%2Fb%25", "/dead-letters"] {
        let answer = ask(with(BUILT), visit(path)).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&answer, "cache-control"), "no-cache");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(read_body(answer).await, INDEX, "{path}");
    }
}

#[actix_web::test]
async fn a_browser_that_has_the_page_gets_it_no_second_time() {
    let answer = ask(with(BUILT), visit("/owners")).await;
    let etag = header(&answer, "etag");
    assert_eq!(etag, "W/\"1f\"");
    let again = visit("/owners").insert_header(("if-none-match", etag));
    let answer = ask(with(BUILT), again).await;
    assert_eq!(answer.status(), 304);
    assert_eq!(header(&answer, "etag"), "W/\"1f\"");
    assert!(read_body(answer).await.is_empty());
    let other = visit("/owners").insert_header(("if-none-match", "W/\"0\""));
    assert_eq!(ask(with(BUILT), other).await.status(), 200);
}

#[actix_web::test]
async fn what_is_named_after_its_contents_is_kept_for_ever_and_compressed() {
    let request =
        TestRequest::with_uri("/assets/index-B1.js").insert_header(("accept-encoding", "gzip"));
    let answer = ask(with(BUILT), request).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        header(&answer, "content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        header(&answer, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(header(&answer, "content-encoding"), "gzip");
    assert!(read_body(answer).await.len() < SCRIPT.len());
}

#[actix_web::test]
async fn a_file_of_an_earlier_build_is_not_found_and_not_kept() {
    let answer = ask(with(BUILT), visit("/assets/index-A0.js")).await;
    assert_eq!(answer.status(), 404);
    assert_eq!(header(&answer, "cache-control"), "no-store");
}

#[actix_web::test]
async fn a_mistaken_path_of_a_program_stays_a_problem() {
    let health = Config {
        serves: Serves::Health,
        ..with(BUILT)
    };
    for (config, request) in [
        (with(BUILT), TestRequest::with_uri("/owners")),
        (
            with(BUILT),
            visit("/owners").method("POST".parse().unwrap()),
        ),
        (with(BUILT), visit("/api/v1/ownerz")),
        (health, visit("/owners")),
        (with(NOT_BUILT), visit("/owners")),
    ] {
        let answer = ask(config, request).await;
        assert_eq!(answer.status(), 404);
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
    }
}

#[actix_web::test]
async fn without_the_console_the_start_page_says_how_to_build_it() {
    let answer = ask(with(NOT_BUILT), visit("/")).await;
    assert_eq!(answer.status(), 200);
    let page = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
    for command in [
        "cd crates/web/console",
        "npm ci",
        "npm run build",
        "cargo build",
    ] {
        assert!(page.contains(command), "{command} is not in {page}");
    }
}
