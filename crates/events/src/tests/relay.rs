use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rollcall_model::{Clock, OwnerState, SystemClock};
use rollcall_store::{DeliveryState, EventFilter, ResendMode, Resent};
use wiremock::{MockServer, Request, ResponseTemplate};

use super::world::{World, accepting, arrived, body, config, eventually, receiver, tally, webhook};
use crate::{Config, SinkConfig, SinkKind};

const CREATED: &str = "rollcall.owner.created";
const STATE_CHANGED: &str = "rollcall.owner.state_changed";

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

async fn enter_many(world: &World, count: usize) {
    let ids = numbered(count);
    world
        .enter(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_once_and_then_there_is_silence() {
    let world = World::new().await;
    let server = receiver(accepting()).await;
    let relay = world
        .relay(config(vec![webhook("hook", server.uri())]))
        .await;
    enter_many(&world, 500).await;
    relay.wake();
    eventually("500 sent", async || relay.status().sinks[0].sent == 500).await;
    eventually("none pending", async || world.pending().await == 0).await;
    let tally = tally(&server).await;
    assert_eq!(tally.len(), 500);
    assert!(tally.values().all(|ids| ids.len() == 1));
    relay.stop().await;
    assert_eq!(arrived(&server).await.len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn created_arrives_before_state_changed_through_failures() {
    let world = World::new().await;
    let tries = AtomicUsize::new(0);
    // Two of three tries fail.
    let server = receiver(move |_: &Request| {
        let failing = tries.fetch_add(1, Ordering::Relaxed) % 3 < 2;
        ResponseTemplate::new(if failing { 500 } else { 200 })
    })
    .await;
    let relay = world
        .relay(config(vec![webhook("hook", server.uri())]))
        .await;
    world.enter(&["a", "b"]).await;
    for state in [OwnerState::Blocked, OwnerState::Active] {
        world.put("a", state).await;
        world.put("b", state).await;
    }
    eventually("all six sent", async || relay.status().sinks[0].sent == 6).await;
    relay.stop().await;
    for subject in ["a", "b"] {
        let mut types: Vec<_> = arrived(&server).await;
        types.retain(|event| event["subject"] == subject);
        let mut versions: Vec<_> = types
            .iter()
            .map(|it| it["data"]["version"].as_i64())
            .collect();
        assert!(versions.is_sorted(), "{subject}: {versions:?}");
        versions.dedup();
        assert_eq!(versions, [Some(1), Some(2), Some(3)]);
        assert_eq!(types[0]["type"], CREATED);
        assert_eq!(types[types.len() - 1]["type"], STATE_CHANGED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_subject_holds_up_only_itself() {
    let world = World::new().await;
    let server = receiver(|request: &Request| {
        ResponseTemplate::new(if body(request)["subject"] == "bad" {
            400
        } else {
            200
        })
    })
    .await;
    let relay = world
        .relay(config(vec![webhook("hook", server.uri())]))
        .await;
    world.enter(&["bad"]).await;
    world.put("bad", OwnerState::Blocked).await;
    enter_many(&world, 100).await;
    eventually("the others sent", async || {
        relay.status().sinks[0].sent == 100
    })
    .await;
    eventually("bad tried again", async || {
        tally(&server).await[&("bad".to_owned(), CREATED.to_owned())].len() > 2
    })
    .await;
    relay.stop().await;
    assert_eq!(
        world.pending().await,
        2,
        "both events of the failing subject"
    );
    let tally = tally(&server).await;
    assert!(!tally.contains_key(&("bad".to_owned(), STATE_CHANGED.to_owned())));
    let ids = &tally[&("bad".to_owned(), CREATED.to_owned())];
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "one id in every try: {ids:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_that_are_dead_or_hang_delay_no_other() {
    let world = World::new().await;
    let server = receiver(accepting()).await;
    // Accepts connections and never answers.
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging_url = format!("http://{}", hanging.local_addr().unwrap());
    let sinks = vec![
        webhook("dead", "http://127.0.0.1:9/".to_owned()),
        webhook("hanging", hanging_url),
        webhook("live", server.uri()),
    ];
    let patient = Config {
        send_timeout: Duration::from_secs(3_600),
        ..config(sinks)
    };
    let relay = world
        .relay(Config {
            drain_timeout: Duration::ZERO,
            ..patient
        })
        .await;
    enter_many(&world, 200).await;
    eventually("the live one has all", async || {
        relay.status().sinks[2].sent == 200
    })
    .await;
    let status = relay.status();
    assert_eq!((status.sinks[0].sent, status.sinks[1].sent), (0, 0));
    eventually("the dead one's fault is shown", async || {
        let fault = relay.status().sinks[0].fault.clone();
        fault.is_some_and(|fault| fault.contains("no answer from 127.0.0.1"))
    })
    .await;
    relay.stop().await;
    assert_eq!(
        world.due("hanging").await.len(),
        200,
        "what was abandoned is due again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_comes_back_gets_everything() {
    let world = World::new().await;
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sinks = vec![webhook("hook", format!("http://{address}"))];
    let relay = world.relay(config(sinks)).await;
    enter_many(&world, 100).await;
    eventually("it is dead", async || relay.status().sinks[0].failed >= 64).await;
    let listener = std::net::TcpListener::bind(address).unwrap();
    let server = MockServer::builder().listener(listener).start().await;
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(accepting())
        .mount(&server)
        .await;
    eventually("all sent", async || relay.status().sinks[0].sent == 100).await;
    relay.stop().await;
    assert_eq!(tally(&server).await.len(), 100);
    assert_eq!(world.pending().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_waits_in_the_database_as_long_as_the_receiver_asks() {
    let world = World::new().await;
    let answer = ResponseTemplate::new(429).insert_header("retry-after", "600");
    let server = receiver(answer).await;
    let relay = world
        .relay(config(vec![webhook("hook", server.uri())]))
        .await;
    world.enter(&["a"]).await;
    eventually("tried", async || relay.status().sinks[0].failed == 1).await;
    relay.stop().await;
    assert_eq!(world.pending().await, 1);
    assert_eq!(world.due("hook").await, []);
    let events = world
        .store
        .list_events(&EventFilter::default(), 10, None)
        .await
        .unwrap();
    let delivery = &events.items[0].deliveries[0];
    assert_eq!(delivery.attempts, 1);
    assert!(
        delivery.last_error.as_ref().unwrap().contains("429"),
        "{delivery:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_settles_what_is_in_flight() {
    let world = World::new().await;
    let server = receiver(accepting().set_delay(Duration::from_millis(300))).await;
    let relay = world
        .relay(config(vec![webhook("hook", server.uri())]))
        .await;
    world.enter(&["a", "b"]).await;
    eventually("both in flight", async || arrived(&server).await.len() == 2).await;
    relay.stop().await;
    assert_eq!(world.pending().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_gets_only_the_types_that_it_takes() {
    let world = World::new().await;
    let server = receiver(accepting()).await;
    let log = SinkConfig {
        name: "log".to_owned(),
        types: Vec::new(),
        kind: SinkKind::Log,
    };
    let hook = webhook("hook", server.uri());
    let hook = SinkConfig {
        types: vec![STATE_CHANGED.to_owned()],
        ..hook
    };
    let relay = world.relay(config(vec![log, hook])).await;
    world.enter(&["a", "b"]).await;
    world.put("a", OwnerState::Blocked).await;
    eventually("sent", async || {
        let status = relay.status();
        (status.sinks[0].sent, status.sinks[1].sent) == (3, 1)
    })
    .await;
    let status = relay.status();
    assert!(status.sinks[0].last_sent_at.unwrap() <= SystemClock.now());
    relay.stop().await;
    assert_eq!(arrived(&server).await[0]["type"], STATE_CHANGED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_fails_too_often_is_parked_and_the_next_of_its_subject_passes() {
    let world = World::new().await;
    let server = receiver(|request: &Request| {
        ResponseTemplate::new(if body(request)["type"] == CREATED {
            400
        } else {
            200
        })
    })
    .await;
    let sinks = vec![webhook("hook", server.uri())];
    let relay = world
        .relay(Config {
            max_attempts: NonZeroU32::new(3).unwrap(),
            ..config(sinks)
        })
        .await;
    world.enter(&["a"]).await;
    world.put("a", OwnerState::Blocked).await;
    eventually("the change is sent", async || {
        relay.status().sinks[0].sent == 1
    })
    .await;
    eventually("nothing is pending", async || world.pending().await == 0).await;
    assert_eq!(relay.status().sinks[0].parked, 1);
    let tries: Vec<_> = arrived(&server).await;
    let types: Vec<_> = tries
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, [CREATED, CREATED, CREATED, STATE_CHANGED]);
    let events = world
        .store
        .list_events(&EventFilter::default(), 10, None)
        .await
        .unwrap();
    let delivery = &events.items[0].deliveries[0];
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Parked, 3)
    );

    // Somebody has mended the receiver and sends it again.
    server.reset().await;
    wiremock::Mock::given(wiremock::matchers::any())
        .respond_with(accepting())
        .mount(&server)
        .await;
    let again = world.store.resend_parked(None, ResendMode::Resend).await;
    assert_eq!(again.unwrap(), Resent::Due(1));
    eventually("it is sent", async || relay.status().sinks[0].sent == 2).await;
    relay.stop().await;
    assert_eq!(arrived(&server).await[0]["id"], tries[0]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_may_be_away_for_any_number_of_tries() {
    let world = World::new().await;
    let sinks = vec![webhook("hook", "http://127.0.0.1:9/".to_owned())];
    let relay = world
        .relay(Config {
            max_attempts: NonZeroU32::MIN,
            ..config(sinks)
        })
        .await;
    world.enter(&["a"]).await;
    eventually("tried again and again", async || {
        relay.status().sinks[0].failed >= 3
    })
    .await;
    relay.stop().await;
    assert_eq!(world.pending().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivered_events_go_when_their_time_is_over_and_figures_are_kept() {
    let world = World::new().await;
    let server = receiver(accepting()).await;
    let sinks = vec![
        webhook("hook", server.uri()),
        webhook("dead", "http://127.0.0.1:9/".to_owned()),
    ];
    let relay = world
        .relay(Config {
            retention: Some(Duration::ZERO),
            ..config(sinks)
        })
        .await;
    let mut registry = Registry::default();
    relay.register_metrics(&mut registry);
    world.enter(&["a"]).await;
    eventually("sent", async || relay.status().sinks[0].sent == 1).await;
    eventually("the figures show what waits", async || {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.contains("rollcall_outbox_pending_deliveries{sink=\"dead\"} 1")
            && text.contains("rollcall_outbox_pending_deliveries{sink=\"hook\"} 0")
    })
    .await;
    // Kept as long as a sink waits for it.
    assert_eq!(world.pending().await, 1);
    relay.stop().await;
    let relay = world
        .relay(Config {
            retention: Some(Duration::ZERO),
            ..config(vec![webhook("hook", server.uri())])
        })
        .await;
    eventually("it is removed", async || {
        let events = world
            .store
            .list_events(&EventFilter::default(), 10, None)
            .await;
        events.unwrap().items.is_empty()
    })
    .await;
    relay.stop().await;
}
