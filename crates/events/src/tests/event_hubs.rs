//! Against the embedded hub.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rollcall_hub::{DEVELOPMENT_CONNECTION_STRING, DumpedEvent, Hub, dump};
use rollcall_model::SystemClock;
use serde_json::Value;

use super::world::{
    World, accepting, arrived, assert_in_order, config, enter_and_block, event, eventually,
    receiver, webhook,
};
use crate::event_hubs::{Config, EventHubsSink};
use crate::{Access, Sink, SinkConfig, SinkError, SinkKind};

pub(super) async fn hub(dir: &Path, port: u16) -> Hub {
    let config = rollcall_hub::Config {
        listen: ([127, 0, 0, 1], port).into(),
        partitions: 4,
        known_token: Some("a token".to_owned()),
        ..rollcall_hub::Config::new(dir)
    };
    Hub::start(config, Arc::new(SystemClock)).await.unwrap()
}

/// Subject, type and id of each event of the log, partition by partition.
pub(super) fn logged(dir: &Path) -> Vec<(String, String, String)> {
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    events(dir)
        .iter()
        .map(|event| serde_json::from_slice(&event.body).unwrap())
        .map(|event: Value| {
            (
                text(&event, "subject"),
                text(&event, "type"),
                text(&event, "id"),
            )
        })
        .collect()
}

fn events(dir: &Path) -> Vec<DumpedEvent> {
    dump(dir).unwrap().map(Result::unwrap).collect()
}

fn hub_config(hub: &Hub) -> Config {
    Config {
        access: Access::ConnectionString(DEVELOPMENT_CONNECTION_STRING.to_owned()),
        custom_endpoint: Some(format!("amqp://{}", hub.address())),
        event_hub: "statuses".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_away_delays_no_other_sink_and_gets_everything_in_order() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let hub_ = hub(dir.path(), 0).await;
    let port = hub_.address().port();
    let other = receiver(accepting()).await;
    let sink = SinkConfig {
        name: "hub".to_owned(),
        types: Vec::new(),
        kind: SinkKind::EventHubs(hub_config(&hub_)),
    };
    let relay = world
        .relay(config(vec![sink, webhook("hook", other.uri())]))
        .await;
    enter_and_block(&world, 0..200).await;
    eventually("all sent", async || relay.status().sinks[0].sent == 400).await;

    hub_.stop().await;
    enter_and_block(&world, 200..250).await;
    eventually("the other one has all", async || {
        arrived(&other).await.len() == 500
    })
    .await;
    eventually("the fault shows", async || {
        relay.status().sinks[0].fault.is_some()
    })
    .await;
    let hub = hub(dir.path(), port).await;
    eventually("caught up", async || relay.status().sinks[0].sent == 500).await;
    relay.stop().await;
    hub.stop().await;
    assert_in_order(&logged(dir.path()), 250);
    assert_eq!(world.pending().await, 0);

    let mut partitions: HashMap<String, Vec<u32>> = HashMap::new();
    for event in events(dir.path()) {
        let body: Value = serde_json::from_slice(&event.body).unwrap();
        let subject = body["subject"].as_str().unwrap().to_owned();
        partitions
            .entry(subject)
            .or_default()
            .push(event.partition_id);
    }
    assert!(
        partitions
            .values()
            .all(|used| used.iter().all(|it| *it == used[0]))
    );
    let first: Vec<_> = partitions.values().map(|used| used[0]).collect();
    assert!(
        (0..4).all(|partition| first.contains(&partition)),
        "all are used"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_does_not_hold_up_those_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let hub = hub(dir.path(), 0).await;
    let sink = EventHubsSink::new(&hub_config(&hub)).unwrap();
    let mut large = event(1);
    large.payload = format!("{{\"data\":\"{}\"}}", "x".repeat(1_100_000));
    let (before, large, after) = (event(2), large, event(3));
    let (before, large, after) =
        tokio::join!(sink.send(&before), sink.send(&large), sink.send(&after));
    assert_eq!((before, after), (Ok(()), Ok(())));
    assert!(
        matches!(large, Err(SinkError::Permanent { .. })),
        "{large:?}"
    );
    hub.stop().await;
    assert_eq!(events(dir.path()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_lets_nobody_in_says_nothing_about_the_event() {
    let dir = tempfile::tempdir().unwrap();
    let hub = hub(dir.path(), 0).await;
    let wrong = DEVELOPMENT_CONNECTION_STRING.replace("SAS_KEY_VALUE", "hush");
    for config in [
        Config {
            access: Access::ConnectionString(wrong),
            ..hub_config(&hub)
        },
        Config {
            event_hub: "unknown".to_owned(),
            ..hub_config(&hub)
        },
        Config {
            custom_endpoint: Some("amqp://127.0.0.1:9".to_owned()),
            ..hub_config(&hub)
        },
    ] {
        let error = EventHubsSink::new(&config)
            .unwrap()
            .send(&event(1))
            .await
            .unwrap_err();
        assert!(matches!(error, SinkError::Unreachable { .. }), "{error:?}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    hub.stop().await;
}
