//! The source against the embedded hub, through the official client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use azure_messaging_eventhubs::{EventDataBatchOptions, ProducerClient};
use rollcall_hub::{Hub, HubStatus};
use rollcall_model::{Epoch, PartitionId, SequenceNumber, SystemClock, Timestamp};
use rollcall_source::{
    Config, Ended, Opening, PartitionStream, PullLimits, Source, StartPosition, client,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

const DEADLINE: Duration = Duration::from_secs(30);
const PARTITION: PartitionId = PartitionId(0);

async fn within<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, step)
        .await
        .expect("it takes too long")
}

struct Fixture {
    hub: Option<Hub>,
    hub_config: rollcall_hub::Config,
    _dir: TempDir,
}

impl Fixture {
    async fn start(presettle: bool) -> Self {
        Self::of(2, presettle).await
    }

    async fn of(partitions: u32, presettle: bool) -> Self {
        let dir = TempDir::new().unwrap();
        let hub_config = rollcall_hub::Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            partitions,
            presettle,
            ..rollcall_hub::Config::new(dir.path())
        };
        let hub = Hub::start(hub_config.clone(), Arc::new(SystemClock))
            .await
            .unwrap();
        let hub_config = rollcall_hub::Config {
            listen: hub.address(),
            ..hub_config
        };
        Self {
            hub: Some(hub),
            hub_config,
            _dir: dir,
        }
    }

    async fn stop_hub(&mut self) {
        self.hub.take().unwrap().stop().await;
    }

    async fn start_hub(&mut self) {
        let hub = Hub::start(self.hub_config.clone(), Arc::new(SystemClock)).await;
        self.hub = Some(hub.unwrap());
    }

    fn status(&self) -> HubStatus {
        self.hub.as_ref().unwrap().status()
    }

    fn config(&self) -> Config {
        Config {
            custom_endpoint: Some(format!("amqp://{}", self.hub_config.listen)),
            request_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            ..Config::default()
        }
    }

    fn source(&self) -> Source {
        Source::new(self.config(), Handle::current())
    }

    fn opening(&self, epoch: i64) -> Opening {
        let hub_created_at = self.status().created_at;
        // The client shows whole milliseconds.
        let hub_created_at = Timestamp::from_millis(hub_created_at.as_millis());
        Opening {
            partition_id: PARTITION,
            epoch: Epoch(epoch),
            hub_created_at,
        }
    }

    async fn send(&self, bodies: impl IntoIterator<Item = String>) {
        self.send_to(PARTITION, bodies).await;
    }

    async fn send_to(&self, partition_id: PartitionId, bodies: impl IntoIterator<Item = String>) {
        let producer = client::open_producer(&self.config()).await.unwrap();
        send_with(&producer, partition_id, bodies).await;
        within(producer.close()).await.unwrap();
    }
}

async fn send_with(
    producer: &ProducerClient,
    partition_id: PartitionId,
    bodies: impl IntoIterator<Item = String>,
) {
    let partition_id = Some(partition_id.to_string());
    let options = EventDataBatchOptions {
        partition_id,
        ..Default::default()
    };
    let batch = within(producer.create_batch(Some(options))).await.unwrap();
    for body in bodies {
        assert!(batch.try_add_event_data(body, None).unwrap());
    }
    within(producer.send_batch(batch, None)).await.unwrap();
}

fn limits() -> PullLimits {
    PullLimits {
        max_events: 1_000,
        max_bytes: 1 << 20,
        max_wait: Duration::from_millis(5),
    }
}

/// Pulls until so many events have come; every number must follow the one before.
async fn pull(events: &mut PartitionStream, after: i64, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut last = after;
    while bodies.len() < count {
        for chunk in within(events.pull(limits())).await.unwrap() {
            for event in chunk.events() {
                assert_eq!(event.sequence_number.0, last + 1);
                last += 1;
                bodies.push(String::from_utf8(event.body.to_vec()).unwrap());
            }
        }
    }
    bodies
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_pulled_once_in_order_in_both_settlement_modes() {
    for presettle in [false, true] {
        let fixture = Fixture::start(presettle).await;
        fixture.send(numbers(0..3_000)).await;
        let source = fixture.source();
        let mut events = source.read(fixture.opening(1), SequenceNumber(-1));
        assert_eq!(pull(&mut events, -1, 3_000).await, numbers(0..3_000));
        events.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_begins_right_behind_the_position() {
    let fixture = Fixture::start(false).await;
    fixture.send(numbers(0..10)).await;
    let mut events = fixture.source().read(fixture.opening(1), SequenceNumber(6));
    assert_eq!(pull(&mut events, 6, 3).await, numbers(7..10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_goes_away_costs_neither_a_loss_nor_a_repeat() {
    let mut fixture = Fixture::start(false).await;
    fixture.send(numbers(0..100)).await;
    let opening = fixture.opening(1);
    let mut events = fixture.source().read(opening, SequenceNumber(-1));
    pull(&mut events, -1, 100).await;
    fixture.stop_hub().await;
    within(async {
        while events.condition().fault().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fixture.start_hub().await;
    fixture.send(numbers(100..200)).await;
    assert_eq!(pull(&mut events, 99, 100).await, numbers(100..200));
    assert_eq!(events.condition().fault(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_epoch_displaces_and_the_displaced_one_says_so() {
    let fixture = Fixture::start(false).await;
    fixture.send(numbers(0..5)).await;
    let mut former = fixture
        .source()
        .read(fixture.opening(1), SequenceNumber(-1));
    pull(&mut former, -1, 5).await;
    let mut present = fixture
        .source()
        .read(fixture.opening(2), SequenceNumber(-1));
    pull(&mut present, -1, 5).await;
    let condition = former.condition();
    within(async {
        while condition.fault().is_none_or(|fault| !fault.displaced) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fixture.send(numbers(5..9)).await;
    assert_eq!(pull(&mut present, 4, 4).await, numbers(5..9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_was_created_anew_ends_the_stream() {
    let fixture = Fixture::start(false).await;
    fixture.send(numbers(0..3)).await;
    let former = Opening {
        hub_created_at: Timestamp::EPOCH,
        ..fixture.opening(1)
    };
    let mut events = fixture.source().read(former, SequenceNumber(-1));
    let ended = within(events.pull(limits())).await.unwrap_err();
    assert!(matches!(ended, Ended::AnotherGeneration(found) if found.last.0 == 2));
    let mut ahead = fixture.source().read(fixture.opening(2), SequenceNumber(7));
    let ended = within(ahead.pull(limits())).await.unwrap_err();
    assert!(matches!(ended, Ended::AnotherGeneration(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_start_position_finds_its_first_event() {
    let fixture = Fixture::start(false).await;
    fixture.send(numbers(0..10)).await;
    let middle = Timestamp::from_micros(SystemNow::micros());
    within(async {
        while Timestamp::from_micros(SystemNow::micros()).as_millis() == middle.as_millis() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fixture.send(numbers(10..15)).await;
    for (start_position, first) in [
        (StartPosition::Earliest, 0),
        (StartPosition::Latest, 15),
        (StartPosition::At(middle.plus(Duration::from_millis(1))), 10),
        (
            StartPosition::At(middle.plus(Duration::from_secs(3_600))),
            15,
        ),
    ] {
        let config = Config {
            start_position,
            ..fixture.config()
        };
        let source = Source::new(config, Handle::current());
        let description = within(source.describe_partition(PARTITION)).await.unwrap();
        let found = source.first_sequence_number(fixture.opening(1), description);
        assert_eq!(
            within(found).await.unwrap(),
            SequenceNumber(first),
            "{start_position:?}"
        );
    }
}

/// Carries connections to the hub and counts them.
async fn counting_relay(hub: std::net::SocketAddr) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut far = TcpStream::connect(hub).await.unwrap();
            tokio::spawn(async move {
                // Either end may hang up first.
                drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
            });
        }
    });
    (address, accepted)
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_share_as_many_connections_as_the_settings_say() {
    const PARTITIONS: u32 = 4;
    for (partitions_per_connection, connections) in [(1, 4), (2, 2), (3, 2), (8, 1)] {
        let fixture = Fixture::of(PARTITIONS, false).await;
        let (relay, accepted) = counting_relay(fixture.hub_config.listen).await;
        let config = Config {
            custom_endpoint: Some(format!("amqp://{relay}")),
            partitions_per_connection,
            ..fixture.config()
        };
        let source = Source::new(config, Handle::current());
        let mut streams = Vec::new();
        for partition_id in (0..PARTITIONS).map(PartitionId) {
            fixture.send_to(partition_id, numbers(0..1)).await;
            let opening = Opening {
                partition_id,
                ..fixture.opening(1)
            };
            streams.push(source.read(opening, SequenceNumber(-1)));
        }
        for stream in &mut streams {
            assert_eq!(pull(stream, -1, 1).await, numbers(0..1));
        }
        // The hub is watched on one more.
        within(async {
            while source.known_partitions().len() < streams.len() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(accepted.load(Ordering::SeqCst), connections + 1);
    }
}

/// The system's clock, through the one place that may read it.
struct SystemNow;

impl SystemNow {
    fn micros() -> i64 {
        use rollcall_model::Clock;
        SystemClock.now().as_micros()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_pauses_is_not_taken_for_a_stall() {
    let fixture = Fixture::start(false).await;
    let config = Config {
        stall_timeout: Duration::from_millis(200),
        ..fixture.config()
    };
    let source = Source::new(config, Handle::current());
    let mut events = source.read(fixture.opening(1), SequenceNumber(-1));
    fixture.send(numbers(0..20_000)).await;
    // The queue is full and stays so for several stall timeouts; then all comes, once.
    let mut registry = prometheus_client::registry::Registry::default();
    source.register_metrics(&mut registry);
    let waited = tokio::time::Instant::now();
    while waited.elapsed() < Duration::from_secs(2) {
        tokio::task::yield_now().await;
    }
    assert_eq!(pull(&mut events, -1, 20_000).await.len(), 20_000);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("rollcall_source_stalls_total 0"), "{text}");
}
