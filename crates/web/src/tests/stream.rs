//! The live stream, over a real connection: what comes, and what ends it.

use std::net::SocketAddr;

use rollcall_model::OwnerState;
use rollcall_pipeline::NewOwner;
use rollcall_store::{NewKey, OwnerPatch, Role};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::world::{World, owner_id};
use crate::{Auth, Config, OwnerDesk, Running, Secret, bind};

/// A listener that has its answer's head.
struct Listener(Lines<BufReader<TcpStream>>);

impl Listener {
    async fn at(address: SocketAddr, query: &str) -> Self {
        Self::with(address, query, "").await
    }

    /// With further lines of the request's head.
    async fn with(address: SocketAddr, query: &str, lines: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET /api/v1/stream{query} HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        assert_eq!(first, "HTTP/1.1 200 OK");
        let mut head = String::new();
        loop {
            match lines.next_line().await.unwrap().unwrap() {
                line if line.is_empty() => break,
                line => head.push_str(&line),
            }
        }
        assert!(head.contains("text/event-stream"), "{head}");
        Self(lines)
    }

    /// The data of the next event of that name; those of other names are passed over.
    async fn next(&mut self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.next_text(name).await).unwrap()
    }

    async fn next_text(&mut self, name: &str) -> String {
        let wanted = format!("event: {name}");
        while self.line().await != wanted {}
        let mut data = String::new();
        loop {
            match self.line().await.strip_prefix("data: ") {
                Some(text) => data.push_str(text),
                None => return data,
            }
        }
    }

    async fn line(&mut self) -> String {
        self.0
            .next_line()
            .await
            .unwrap()
            .expect("the stream goes on")
    }

    async fn ends(&mut self) -> bool {
        while let Ok(Some(_)) = self.0.next_line().await {}
        true
    }
}

fn serve(world: &World) -> Running {
    let server = bind(Config::new(([127, 0, 0, 1], 0).into()), world.state());
    server.unwrap().start().unwrap()
}

fn newcomer(id: &str) -> NewOwner {
    NewOwner {
        owner_id: owner_id(id),
        display_name: None,
        settings: rollcall_model::Settings::default(),
    }
}

#[actix_web::test]
async fn statuses_come_as_they_are_committed_with_their_exact_data() {
    let world = World::new().await;
    world.enter("1", &["a"]).await;
    let running = serve(&world);
    let mut listener = Listener::at(running.address(), "?owner_id=1&sub_owner_id=a").await;
    world.fill(3).await;
    for data in [r#"{"v": 1.50}"#, "1e400", r#""\u0000""#] {
        let status = listener.next_text("status").await;
        for part in [
            r#""owner_id":"1","sub_owner_id":"a","#,
            r#""partition_id":3,"#,
            &format!(r#""data":{data},"#),
        ] {
            assert!(status.contains(part), "{part} in {status}");
        }
    }
    running.stop().await;
}

#[actix_web::test]
async fn owners_come_when_they_are_created_and_when_they_are_changed() {
    let world = World::new().await;
    let running = serve(&world);
    let mut listener = Listener::at(running.address(), "").await;
    world.desk.create_owner(newcomer("a/b")).await.unwrap();
    let owner = listener.next("owner").await;
    assert_eq!(owner["owner_id"], "a/b");
    assert_eq!(owner["state"], "active");
    let patch = OwnerPatch {
        state: Some(OwnerState::Blocked),
        changed_by: "test".to_owned(),
        ..OwnerPatch::default()
    };
    world
        .desk
        .change_owner(owner_id("a/b"), patch)
        .await
        .unwrap();
    assert_eq!(listener.next("owner").await["state"], "blocked");
    running.stop().await;
}

#[actix_web::test]
async fn a_filter_keeps_other_owners_away() {
    let world = World::new().await;
    let running = serve(&world);
    let mut listener = Listener::at(running.address(), "?owner_id=2").await;
    world.desk.create_owner(newcomer("1")).await.unwrap();
    world.desk.create_owner(newcomer("2")).await.unwrap();
    assert_eq!(listener.next("owner").await["owner_id"], "2");
    running.stop().await;
}

#[actix_web::test]
async fn the_summary_comes_at_once_and_a_stop_ends_the_stream() {
    let world = World::new().await;
    world.enter("1", &[]).await;
    let running = serve(&world);
    let mut listener = Listener::at(running.address(), "").await;
    let summary = listener.next("summary").await;
    assert_eq!(summary["owners"]["active"], 1);
    assert_eq!(summary["lag_events"], serde_json::Value::Null);
    running.stop().await;
    assert!(listener.ends().await);
}

#[actix_web::test]
async fn a_filter_that_cannot_be_is_refused() {
    let world = World::new().await;
    let api = world.api().await;
    for query in ["?owner_id=%00", "?sub_owner_id=%20", "?owner=1"] {
        let answer = api.get(&format!("/api/v1/stream{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
}

#[actix_web::test]
async fn a_stream_ends_when_its_key_is_revoked() {
    let world = World::new().await;
    let config = Config {
        auth: Auth::On,
        ..Config::new(([127, 0, 0, 1], 0).into())
    };
    let running = bind(config, world.state()).unwrap().start().unwrap();
    let secret = Secret::of_key();
    let key_id = Uuid::from_u128(1);
    let key = NewKey {
        key_id,
        name: "screen".to_owned(),
        role: Role::Viewer,
        secret_hash: secret.hash(),
        created_by: "test".to_owned(),
        lifetime: None,
    };
    world.store.create_key(key).await.unwrap();
    let bearer = format!(
        "Authorization: Bearer {}\r\nConnection: close\r\n",
        secret.reveal()
    );
    let mut listener = Listener::with(running.address(), "", &bearer).await;
    listener.next("summary").await;
    world.store.revoke_key(key_id).await.unwrap();
    assert!(listener.ends().await);
    running.stop().await;
}
