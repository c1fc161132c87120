//! Against Debian's RabbitMQ, and against the embedded hub, which has a `$cbs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::types::messaging::{Data, Message, MessageId};
use fe2o3_amqp::types::primitives::SimpleValue;
use fe2o3_amqp::{Connection, Receiver, Session};
use rollcall_hub::{DEVELOPMENT_CONNECTION_STRING, Hub};
use rollcall_model::{Clock, SystemClock};
use rollcall_test_servers::RabbitMq;

use super::event_hubs::{hub, logged};
use super::world::{
    World, accepting, arrived, assert_in_order, config, enter_and_block, event, eventually,
    receiver, webhook,
};
use crate::service_bus::{Config, ServiceBusSink};
use crate::{Access, Sink, SinkConfig, SinkError, SinkKind};

const QUEUE: &str = "/queue/announcements";
/// The same queue for whoever expects it to be there.
const MADE: &str = "/amq/queue/announcements";

fn rabbit_config(rabbit: &RabbitMq) -> Config {
    Config {
        access: Access::Endpoint,
        custom_endpoint: Some(rabbit.url()),
        entity: QUEUE.to_owned(),
    }
}

fn sink(config: &Config) -> ServiceBusSink {
    ServiceBusSink::new(config, Arc::new(SystemClock)).unwrap()
}

/// Takes messages until there have been `count` distinct ones.
async fn take(rabbit: &RabbitMq, count: usize) -> Vec<Message<Data>> {
    let mut connection = Connection::builder()
        .container_id("test")
        .sasl_profile(SaslProfile::Plain {
            username: "guest".to_owned(),
            password: "guest".to_owned(),
        })
        .open(&*format!("amqp://127.0.0.1:{}", rabbit.port()))
        .await
        .unwrap();
    let mut session = Session::begin(&mut connection).await.unwrap();
    let mut receiver = Receiver::attach(&mut session, "test", MADE).await.unwrap();
    let (mut messages, mut ids) = (Vec::new(), std::collections::HashSet::new());
    while ids.len() < count {
        let delivery = tokio::time::timeout(Duration::from_secs(30), receiver.recv::<Data>());
        let delivery = delivery.await.expect("another message").unwrap();
        receiver.accept(&delivery).await.unwrap();
        let message = delivery.into_message();
        ids.insert(id(&message));
        messages.push(message);
    }
    messages
}

fn id(message: &Message<Data>) -> String {
    match message.properties.as_ref().unwrap().message_id.clone() {
        Some(MessageId::String(id)) => id,
        other => panic!("{other:?} is no text"),
    }
}

/// Subject, type and id as the message's own fields have them.
fn fields(message: &Message<Data>) -> (String, String, String) {
    let attributes = message.application_properties.as_ref().unwrap();
    let text = |name: &str| match attributes.get(name) {
        Some(SimpleValue::String(text)) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    assert_eq!(text("cloudEvents_id"), id(message));
    (
        text("cloudEvents_subject"),
        text("cloudEvents_type"),
        id(message),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_or_dies_delays_no_other_sink_and_gets_everything_in_order() {
    let world = World::new().await;
    let rabbit = RabbitMq::start().unwrap();
    let other = receiver(accepting()).await;
    let bus = SinkConfig {
        name: "bus".to_owned(),
        types: Vec::new(),
        kind: SinkKind::ServiceBus(rabbit_config(&rabbit)),
    };
    let relay = world
        .relay(config(vec![bus, webhook("hook", other.uri())]))
        .await;
    enter_and_block(&world, 0..200).await;
    eventually("all sent", async || relay.status().sinks[0].sent == 400).await;
    assert_eq!(relay.status().sinks[0].failed, 0, "{:?}", relay.status());

    rabbit.pause().unwrap();
    enter_and_block(&world, 200..220).await;
    eventually("the other one has all", async || {
        arrived(&other).await.len() == 440
    })
    .await;
    eventually("the fault shows", async || {
        relay.status().sinks[0].fault.is_some()
    })
    .await;
    rabbit.resume().unwrap();
    eventually("caught up", async || relay.status().sinks[0].sent == 440).await;

    rabbit.kill().unwrap();
    enter_and_block(&world, 220..240).await;
    eventually("the other one has all", async || {
        arrived(&other).await.len() == 480
    })
    .await;
    rabbit.start_again().unwrap();
    eventually("caught up", async || relay.status().sinks[0].sent == 480).await;
    relay.stop().await;
    assert_eq!(world.pending().await, 0);

    let messages = take(&rabbit, 480).await;
    let arrived: Vec<_> = messages.iter().map(fields).collect();
    assert_in_order(&arrived, 240);
    let properties = messages[0].properties.clone().unwrap();
    assert_eq!(properties.subject.as_deref(), Some(&*arrived[0].1));
    assert_eq!(properties.group_id, Some(arrived[0].0.clone()));
    assert_eq!(
        properties.content_type.map(|it| it.to_string()).as_deref(),
        Some("application/cloudevents+json; charset=utf-8")
    );
    let body: serde_json::Value = serde_json::from_slice(&messages[0].body.0).unwrap();
    assert_eq!(body["id"], *arrived[0].2);
    assert_eq!(body["data"]["owner_id"], *arrived[0].0);
}

fn hub_config(hub: &Hub) -> Config {
    Config {
        access: Access::ConnectionString(DEVELOPMENT_CONNECTION_STRING.to_owned()),
        custom_endpoint: Some(format!("amqp://{}", hub.address())),
        entity: "statuses".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_entity_and_a_wrong_one_says_nothing_about_the_event() {
    let dir = tempfile::tempdir().unwrap();
    let hub = hub(dir.path(), 0).await;
    let world = World::new().await;
    let bus = SinkConfig {
        name: "bus".to_owned(),
        types: Vec::new(),
        kind: SinkKind::ServiceBus(hub_config(&hub)),
    };
    let relay = world.relay(config(vec![bus])).await;
    world.enter(&["a", "b", "c"]).await;
    eventually("sent", async || relay.status().sinks[0].sent == 3).await;
    relay.stop().await;

    let wrong = DEVELOPMENT_CONNECTION_STRING.replace("SAS_KEY_VALUE", "hush");
    for config in [
        Config {
            access: Access::ConnectionString(wrong),
            ..hub_config(&hub)
        },
        Config {
            entity: "unknown".to_owned(),
            ..hub_config(&hub)
        },
        Config {
            custom_endpoint: Some("amqp://127.0.0.1:9".to_owned()),
            ..hub_config(&hub)
        },
    ] {
        let error = sink(&config).send(&event(1)).await.unwrap_err();
        assert!(matches!(error, SinkError::Unreachable { .. }), "{error:?}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    hub.stop().await;
    assert_eq!(logged(dir.path()).len(), 3);
}

/// Gives a token, again and again, that lasts so long.
#[derive(Debug)]
struct Issuer {
    lasts: Duration,
    asked: AtomicUsize,
}

#[async_trait]
impl TokenCredential for Issuer {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://servicebus.azure.net/.default"]);
        self.asked.fetch_add(1, Ordering::Relaxed);
        let expires_on = SystemClock.now().plus(self.lasts).to_offset();
        Ok(AccessToken::new("a token".to_owned(), expires_on))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_opens_the_entity_and_is_asked_again_before_its_token_ends() {
    let dir = tempfile::tempdir().unwrap();
    let hub = hub(dir.path(), 0).await;
    for (lasts, asked) in [(3_600, 1), (60, 2)] {
        let issuer = Arc::new(Issuer {
            lasts: Duration::from_secs(lasts),
            asked: AtomicUsize::new(0),
        });
        let sink = sink(&Config {
            access: Access::Credential {
                fully_qualified_namespace: "localhost".to_owned(),
                credential: Arc::clone(&issuer) as Arc<dyn TokenCredential>,
            },
            ..hub_config(&hub)
        });
        for number in [1, 2] {
            assert_eq!(sink.send(&event(number)).await, Ok(()));
        }
        assert_eq!(issuer.asked.load(Ordering::Relaxed), asked);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_refused_and_the_next_one_passes() {
    let dir = tempfile::tempdir().unwrap();
    let hub = hub(dir.path(), 0).await;
    let sink = sink(&hub_config(&hub));
    let mut large = event(1);
    large.payload = "x".repeat(1_100_000);
    let error = sink.send(&large).await.unwrap_err();
    assert!(matches!(error, SinkError::Permanent { .. }), "{error:?}");
    assert_eq!(sink.send(&event(2)).await, Ok(()));
    hub.stop().await;
}
