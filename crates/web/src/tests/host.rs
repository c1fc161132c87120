use actix_web::test::TestRequest;

use super::world::World;

const LIST: &str = "/api/v1/owners";

fn asked(host: &str) -> TestRequest {
    TestRequest::with_uri(LIST).insert_header(("host", host))
}

#[actix_web::test]
async fn a_name_that_somebody_points_at_loopback_reads_and_changes_nothing() {
    let world = World::new().await;
    let api = world.api().await;
    for host in [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8080",
        "notlocalhost",
        "roll.example.evil.example",
        "192.168.0.7:8080",
        "0.0.0.0:8080",
        "[2001:db8::1]:8080",
        "",
    ] {
        for path in ["/", LIST, "/metrics", "/api/v1/stream", "/nowhere"] {
            let request = TestRequest::with_uri(path).insert_header(("host", host));
            let answer = api.send(request).await;
            assert_eq!(answer.status, 421, "{host:?} {path}");
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert!(answer.detail().contains("http.allowed_hosts"), "{answer:?}");
        }
    }
    // The target may name a host too, and then both count.
    let target = TestRequest::with_uri("http://evil.example/api/v1/owners");
    let target = target.insert_header(("host", "127.0.0.1:8080"));
    assert_eq!(api.send(target).await.status, 421);
    let twice = asked("127.0.0.1:8080").append_header(("host", "evil.example"));
    assert_eq!(api.send(twice).await.status, 421);
}

#[actix_web::test]
async fn loopback_and_the_hosts_of_the_settings_are_answered() {
    let world = World::new().await;
    let api = world.api().await;
    for host in [
        "127.0.0.1",
        "127.0.0.1:8080",
        "127.1.2.3:8080",
        "localhost:5173",
        "LocalHost.",
        "roll.localhost:8080",
        "[::1]",
        "[::1]:8080",
        "roll.example",
        "Roll.Example:443",
        "10.0.0.7:8080",
    ] {
        assert_eq!(api.send(asked(host)).await.status, 200, "{host}");
    }
    assert_eq!(api.get(LIST).await.status, 200, "a program names no host");
}
