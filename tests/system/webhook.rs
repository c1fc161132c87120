//! Announcements leave the house: every one arrives, and a receiver that is down delays nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::message::status;
use crate::harness::port;
use crate::harness::site::Site;
use crate::harness::wait::until;

const OWNERS: usize = 60;
const SUB_OWNERS: usize = 2;
const ANNOUNCED: usize = OWNERS * (1 + SUB_OWNERS);

/// A receiver on this port that takes everything.
async fn receiver(port: u16) -> MockServer {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let server = MockServer::builder().listener(listener).start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    server
}

fn sink(name: &str, port: u16) -> String {
    format!(
        r#"{{ kind = "webhook", name = "{name}", url = "http://127.0.0.1:{port}/", allow_private = true }}"#
    )
}

/// What arrived, by id.
async fn arrived(server: &MockServer) -> BTreeMap<String, Value> {
    let requests = server.received_requests().await.unwrap();
    let event = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap();
    let events = requests.iter().map(|request| event(&request.body));
    events
        .map(|event| (event["id"].as_str().unwrap().to_owned(), event))
        .collect()
}

#[tokio::test]
async fn every_announcement_arrives_and_a_receiver_that_is_down_delays_nobody() {
    let mut site = Site::embedded(4);
    let (up, down) = (port::free(), port::free());
    let sinks = format!("[{}, {}]", sink("up", up), sink("down", down));
    site.set("events.sinks", &sinks);
    let up = receiver(up).await;
    let node = site.start_node().await;
    send(&site).await;
    site.holds_at_the_end().await;

    let all = until("everything has arrived", async || {
        Some(arrived(&up).await).filter(|events| events.len() >= ANNOUNCED)
    })
    .await;
    assert_eq!(subjects(&all), due_subjects());
    assert_eq!(deliveries(&site, "sent").await, 0);
    assert_eq!(deliveries(&site, "pending").await, ANNOUNCED);

    let down = receiver(down).await;
    let caught_up = until("the late receiver has everything", async || {
        Some(arrived(&down).await).filter(|events| events.len() >= ANNOUNCED)
    })
    .await;
    assert_eq!(caught_up, all, "the same events under the same ids");
    until("everything is marked", async || {
        (deliveries(&site, "sent").await == ANNOUNCED).then_some(())
    })
    .await;
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn an_announcement_outlives_its_node() {
    let mut site = Site::embedded(4);
    let port = port::free();
    site.set("events.sinks", &format!("[{}]", sink("down", port)));
    let node = site.start_node().await;
    send(&site).await;
    site.holds_at_the_end().await;
    node.kill();

    let receiver = receiver(port).await;
    let node = site.start_node().await;
    let all = until("everything has arrived", async || {
        Some(arrived(&receiver).await).filter(|events| events.len() >= ANNOUNCED)
    })
    .await;
    assert_eq!(subjects(&all), due_subjects());
    assert!(node.terminate().await.success());
}

/// One status of each sub-owner.
async fn send(site: &Site) {
    let sender = site.sender().await;
    for sub_owner in 0..SUB_OWNERS {
        let bodies =
            (0..OWNERS).map(|owner| status(&owner.to_string(), &sub_owner.to_string(), "1"));
        sender.send(u32::try_from(sub_owner).unwrap(), bodies).await;
    }
    sender.close().await;
}

type Subject = (String, String);

fn subjects(events: &BTreeMap<String, Value>) -> BTreeSet<Subject> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let subjects = events
        .values()
        .map(|event| (text(&event["type"]), text(&event["subject"])));
    subjects.collect()
}

fn due_subjects() -> BTreeSet<Subject> {
    let owner = |owner| ("rollcall.owner.created".to_owned(), format!("{owner}"));
    let sub_owner = |owner, sub| {
        (
            "rollcall.sub_owner.created".to_owned(),
            format!("{owner}/{sub}"),
        )
    };
    let sub_owners =
        (0..OWNERS).flat_map(|owner| (0..SUB_OWNERS).map(move |sub| sub_owner(owner, sub)));
    (0..OWNERS).map(owner).chain(sub_owners).collect()
}

/// Deliveries of the sink `down` in this state.
async fn deliveries(site: &Site, state: &str) -> usize {
    let rows = site.database().deliveries("down").await;
    rows.iter().filter(|it| *it == state).count()
}
