use std::net::{SocketAddr, TcpListener};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::World;
use crate::{Config, Serves, bind, on};

const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[actix_web::test]
async fn a_server_answers_on_its_port_until_it_is_stopped() {
    let world = World::new().await;
    let server = bind(Config::new(ANY_PORT.into()), world.state()).unwrap();
    let address = server.address();
    let running = server.start().unwrap();
    assert_eq!(running.address(), address);
    let answer = ask(address, "/").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = answer.to_lowercase();
    assert!(
        answer.contains("\r\ncontent-security-policy: default-src 'none';"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nx-content-type-options: nosniff\r\n"),
        "{answer}"
    );
    assert!(answer.contains("script-src 'self';"), "{answer}");
    assert!(
        ask(address, "/readyz")
            .await
            .unwrap()
            .contains("{\"status\":\"ready\"}")
    );
    running.stop().await;
    assert!(ask(address, "/").await.is_err());
}

#[actix_web::test]
async fn a_port_that_was_taken_before_is_never_let_go() {
    let world = World::new().await;
    let listener = TcpListener::bind(SocketAddr::from(ANY_PORT)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = on(listener, Config::new(address), world.state()).unwrap();
    assert!(TcpListener::bind(address).is_err());
    let running = server.start().unwrap();
    assert!(TcpListener::bind(address).is_err());
    let answer = ask(address, "/readyz").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    running.stop().await;
}

#[actix_web::test]
async fn a_taken_port_is_a_sentence_before_anything_starts() {
    let world = World::new().await;
    let taken = TcpListener::bind(SocketAddr::from(ANY_PORT)).unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(Config::new(address), world.state()).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {address} (http.listen): the port is taken; stop who has it, or \
             choose another"
        )
    );
}

#[actix_web::test]
async fn a_node_without_the_role_api_answers_for_its_health_only() {
    let world = World::new().await;
    let config = Config {
        serves: Serves::Health,
        ..Config::new(ANY_PORT.into())
    };
    let server = bind(config, world.state()).unwrap();
    let address = server.address();
    let running = server.start().unwrap();
    for path in ["/livez", "/readyz", "/metrics"] {
        let answer = ask(address, path).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{path}: {answer}"
        );
    }
    for path in ["/", "/api/v1/owners", "/api/v1/summary"] {
        let answer = ask(address, path).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(
            answer.contains("this node has not the role api"),
            "{answer}"
        );
    }
    running.stop().await;
}

#[actix_web::test]
async fn an_answer_that_is_no_page_loads_and_runs_nothing() {
    let world = World::new().await;
    let running = bind(Config::new(ANY_PORT.into()), world.state()).unwrap();
    let running = running.start().unwrap();
    for path in ["/api/v1/owners", "/api/v1/nothing", "/metrics"] {
        let answer = ask(running.address(), path).await.unwrap().to_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; base-uri 'none';",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(
                answer.contains(&format!("\r\n{header}")),
                "{path}: {answer}"
            );
        }
        assert!(!answer.contains("script-src"), "{path}: {answer}");
    }
    running.stop().await;
}
