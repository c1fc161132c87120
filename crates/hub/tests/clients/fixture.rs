//! A hub on a free port with its log in a directory of its own, and the official client for it.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use azure_messaging_eventhubs::models::{EventData, ReceivedEventData};
use azure_messaging_eventhubs::{
    ConsumerClient, EventDataBatchOptions, EventReceiver, OpenReceiverOptions, ProducerClient,
    RetryOptions, SendBatchOptions, StartLocation, StartPosition,
};
use futures::StreamExt;
use rollcall_hub::{Config, DEVELOPMENT_CONNECTION_STRING, Hub};
use rollcall_model::{Clock, SystemClock, Timestamp};
use tempfile::TempDir;

/// No single step of a test takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a step, and fails the test when it takes too long.
pub(crate) async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, step).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {DEADLINE:?}"),
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    within(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A clock that is moved by hand.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn now_on() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(SystemClock.now().as_micros())))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Fixture {
    pub(crate) hub: Hub,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    dir: TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}, Arc::new(SystemClock)).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config), clock: Arc<dyn Clock>) -> Self {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let tracing = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer();
        drop(tracing.try_init());
        let dir = TempDir::new().unwrap();
        let mut config = Config::new(dir.path());
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.partitions = 2;
        change(&mut config);
        let hub = Hub::start(config.clone(), Arc::clone(&clock))
            .await
            .unwrap();
        Self {
            hub,
            config,
            clock,
            dir,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Stops the hub and starts it again on the same log, on another port.
    pub(crate) async fn restart(self) -> Self {
        within("stopping", self.hub.stop()).await;
        let hub = Hub::start(self.config.clone(), Arc::clone(&self.clock)).await;
        Self {
            hub: hub.unwrap(),
            ..self
        }
    }

    /// Stops the hub; the log stays until what is returned is dropped.
    pub(crate) async fn close(self) -> TempDir {
        within("stopping", self.hub.stop()).await;
        self.dir
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("amqp://{}", self.hub.address())
    }

    pub(crate) async fn producer(&self) -> ProducerClient {
        within(
            "opening a producer",
            self.try_producer(DEVELOPMENT_CONNECTION_STRING),
        )
        .await
        .unwrap()
    }

    pub(crate) async fn try_producer(
        &self,
        connection_string: &str,
    ) -> azure_messaging_eventhubs::Result<ProducerClient> {
        ProducerClient::builder()
            .with_custom_endpoint(self.endpoint())
            .with_retry_options(no_retries())
            .open_with_connection_string(connection_string, Some("statuses"))
            .await
    }

    pub(crate) async fn consumer(&self) -> ConsumerClient {
        self.consumer_of("$Default").await
    }

    pub(crate) async fn consumer_of(&self, group: &str) -> ConsumerClient {
        consumer_at(&self.hub, group).await
    }

    /// Sends bodies as one batch to a partition.
    pub(crate) async fn send(&self, partition: &str, bodies: &[&str]) {
        let producer = self.producer().await;
        send(&producer, partition, bodies).await;
        within("closing", producer.close()).await.unwrap();
    }
}

pub(crate) async fn consumer_at(hub: &Hub, group: &str) -> ConsumerClient {
    let opening = ConsumerClient::builder()
        .with_custom_endpoint(format!("amqp://{}", hub.address()))
        .with_consumer_group(group.to_owned())
        .with_retry_options(no_retries())
        .open_with_connection_string(DEVELOPMENT_CONNECTION_STRING, Some("statuses"));
    within("opening a consumer", opening).await.unwrap()
}

pub(crate) fn no_retries() -> RetryOptions {
    RetryOptions {
        max_retries: 0,
        ..RetryOptions::default()
    }
}

pub(crate) fn event(body: &str) -> EventData {
    EventData::builder()
        .with_body(body.as_bytes().to_vec())
        .build()
}

pub(crate) async fn send(producer: &ProducerClient, partition: &str, bodies: &[&str]) {
    let options = EventDataBatchOptions {
        partition_id: Some(partition.to_owned()),
        ..EventDataBatchOptions::default()
    };
    let batch = within("a batch", producer.create_batch(Some(options)))
        .await
        .unwrap();
    for body in bodies {
        assert!(batch.try_add_event_data(event(body), None).unwrap());
    }
    let sent = producer.send_batch(batch, None::<SendBatchOptions>);
    within("sending a batch", sent).await.unwrap();
}

pub(crate) fn from(location: StartLocation, inclusive: bool) -> OpenReceiverOptions {
    OpenReceiverOptions {
        start_position: Some(StartPosition {
            location,
            inclusive,
        }),
        prefetch: Some(100),
        ..OpenReceiverOptions::default()
    }
}

pub(crate) fn earliest() -> OpenReceiverOptions {
    from(StartLocation::Earliest, false)
}

pub(crate) async fn receiver(
    consumer: &ConsumerClient,
    partition: &str,
    options: OpenReceiverOptions,
) -> EventReceiver {
    let opening = consumer.open_receiver_on_partition(partition.to_owned(), Some(options));
    within("opening a receiver", opening).await.unwrap()
}

/// The next `count` events.
pub(crate) async fn take(receiver: &EventReceiver, count: usize) -> Vec<ReceivedEventData> {
    let mut events = receiver.stream_events().take(count);
    let mut taken = Vec::new();
    while let Some(event) = within("receiving", events.next()).await {
        taken.push(event.unwrap());
    }
    taken
}

pub(crate) fn bodies(events: &[ReceivedEventData]) -> Vec<String> {
    let body = |event: &ReceivedEventData| event.event_data().body().unwrap_or_default().to_vec();
    let text = |body| String::from_utf8(body).unwrap();
    events.iter().map(|event| text(body(event))).collect()
}

pub(crate) fn numbers(events: &[ReceivedEventData]) -> Vec<i64> {
    let number = |event: &ReceivedEventData| event.sequence_number().unwrap();
    events.iter().map(number).collect()
}

/// Everything in the log, as (partition, sequence number, body).
pub(crate) fn dumped(dir: &Path) -> Vec<(u32, u64, String)> {
    let events = rollcall_hub::dump(dir).unwrap().map(Result::unwrap);
    let text = |body| String::from_utf8(body).unwrap();
    events
        .map(|event| (event.partition_id, event.sequence_number, text(event.body)))
        .collect()
}
