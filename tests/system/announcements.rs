//! Announcements through the sinks of brokers, while their node is killed; and what an operator does
//! about one that is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rollcall_hub::Hub;
use rollcall_model::SystemClock;
use rollcall_test_servers::Redis;
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::message::status;
use crate::harness::site::Site;
use crate::harness::wait::until;

const OWNERS: usize = 400;
/// An owner and its one sub-owner.
const ANNOUNCED: usize = OWNERS * 2;

async fn hub(dir: &Path) -> Hub {
    let config = rollcall_hub::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        partitions: 4,
        ..rollcall_hub::Config::new(dir)
    };
    Hub::start(config, Arc::new(SystemClock)).await.unwrap()
}

/// How often each id is in the hub's log.
fn logged(dir: &Path) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for event in rollcall_hub::dump(dir).unwrap() {
        let event: Value = serde_json::from_slice(&event.unwrap().body).unwrap();
        *ids.entry(event["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    ids
}

fn stream_length(redis: &Redis) -> usize {
    redis.command(&["XLEN", "news"]).unwrap().parse().unwrap()
}

async fn send(site: &Site, owners: std::ops::Range<usize>) {
    let sender = site.sender().await;
    let bodies = owners.map(|owner| status(&owner.to_string(), "1", "1"));
    sender.send(0, bodies).await;
    sender.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sink_gets_every_announcement_while_its_node_is_killed() {
    let mut site = Site::embedded(4);
    let redis = Redis::start().unwrap();
    let (bus_dir, hub_dir) = (site.path("bus"), site.path("sink-hub"));
    let (bus, other) = (hub(&bus_dir).await, hub(&hub_dir).await);
    let key = rollcall_hub::DEVELOPMENT_CONNECTION_STRING;
    site.set(
        "events.sinks",
        &format!(
            r#"[
            {{ kind = "redis_stream", name = "redis", url = "{}", stream = "news" }},
            {{ kind = "service_bus", name = "bus", connection_string = "{key}", entity = "statuses", custom_endpoint = "amqp://{}" }},
            {{ kind = "event_hubs", name = "hub", connection_string = "{key}", event_hub = "statuses", custom_endpoint = "amqp://{}" }},
            ]"#,
            redis.url(),
            bus.address(),
            other.address(),
        ),
    );
    for round in 0..4 {
        let node = site.start_node().await;
        let step = OWNERS / 4;
        let before = stream_length(&redis);
        send(&site, round * step..(round + 1) * step).await;
        until("some are on their way", async || {
            (stream_length(&redis) > before).then_some(())
        })
        .await;
        node.kill();
    }
    let node = site.start_node().await;
    until("all have arrived", async || {
        let all = stream_length(&redis) == ANNOUNCED
            && logged(&bus_dir).len() == ANNOUNCED
            && logged(&hub_dir).len() == ANNOUNCED;
        all.then_some(())
    })
    .await;
    until("all are marked", async || {
        let unsent = "SELECT count(*) FROM outbox_deliveries WHERE state <> 'sent'";
        (site.database().number(unsent).await == 0).then_some(())
    })
    .await;
    assert!(node.terminate().await.success());
    bus.stop().await;
    other.stop().await;

    let ids: BTreeSet<_> = logged(&bus_dir).into_keys().collect();
    assert_eq!(ids, logged(&hub_dir).into_keys().collect());
    // The stream takes a repeat once; for the others the ids tell.
    assert_eq!(stream_length(&redis), ANNOUNCED);
    for dir in [&bus_dir, &hub_dir] {
        let repeats: usize = logged(dir).values().map(|count| count - 1).sum();
        assert!(
            repeats < ANNOUNCED,
            "{repeats} repeats in {}",
            dir.display()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_too_often_is_parked_shown_and_sent_again() {
    let mut site = Site::embedded(4);
    let receiver = MockServer::start().await;
    let answer = |status| Mock::given(any()).respond_with(ResponseTemplate::new(status));
    answer(422).mount(&receiver).await;
    site.set(
        "events.sinks",
        &format!(
            r#"[{{ kind = "webhook", name = "crm", url = "{}", allow_private = true, types = ["rollcall.owner.created"] }}]"#,
            receiver.uri()
        ),
    );
    site.set("events.max_attempts", "2");
    let node = site.start_node().await;
    send(&site, 0..3).await;
    let parked = async |expected: u64| {
        let standing = site.answer(&["status", "--output", "json"]).await;
        let standing: Value = serde_json::from_str(&standing).unwrap();
        (standing["sinks"][0]["parked"] == expected).then_some(())
    };
    until("they are parked", async || parked(3).await).await;
    let tail = ["events", "tail", "--state", "parked", "--sink", "crm"];
    let shown = site.answer(&tail).await;
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(shown.contains("crm parked after 2 failed tries"), "{shown}");

    let dry = site
        .answer(&["events", "resend", "--parked", "--dry-run"])
        .await;
    assert_eq!(dry, "3 parked deliveries would be due again\n");
    receiver.reset().await;
    answer(204).mount(&receiver).await;
    let json = site
        .answer(&[&tail[..], &["--output", "json", "-n", "1"]].concat())
        .await;
    let event: Value = serde_json::from_str(&json).unwrap();
    let id = event["event_id"].as_str().unwrap();
    let one = site
        .answer(&["events", "resend", id, "--sink", "crm"])
        .await;
    assert_eq!(one, format!("{id} is due again\n"));
    until("that one is gone", async || parked(2).await).await;
    let rest = site
        .answer(&["events", "resend", "--parked", "--sink", "crm"])
        .await;
    assert_eq!(rest, "2 parked deliveries are due again\n");
    until("all have arrived", async || {
        let requests = receiver.received_requests().await.unwrap();
        (requests.len() == 3).then_some(())
    })
    .await;
    let refused = site.run(&["events", "resend", id, "--sink", "cmr"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("no sink \"cmr\" is registered"), "{said}");
    assert!(node.terminate().await.success());
}
