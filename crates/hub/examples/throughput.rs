//! Receives and drops with the official client, as fast as it goes.
//!
//! `cargo run --release -p rollcall-hub --example throughput`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement that is run by hand"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventDataBatchOptions, OpenReceiverOptions, ProducerClient, SendBatchOptions,
    StartLocation, StartPosition,
};
use futures::StreamExt;
use rollcall_hub::{Config, DEVELOPMENT_CONNECTION_STRING, Hub};
use rollcall_model::SystemClock;

const EVENTS: usize = 1_000_000;
const BATCH: usize = 1_000;
const BODY: &str = r#"{"dataOwnerId": "1234567", "dataOwnerSubId": "7", "data": {"temperature": 21.5, "humidity": 40.25, "battery": 97}, "measuredAt": "2026-11-23T10:00:00Z"}"#;

fn main() {
    // The hub has a runtime of its own, whose threads carry its name in a profile.
    let hub_runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("hub")
        .enable_all()
        .build()
        .unwrap();
    let client_runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    for presettle in [false, true] {
        let mut config = Config::new(dir.path());
        config.listen = "127.0.0.1:0".parse().unwrap();
        config.partitions = 1;
        config.presettle = presettle;
        let begun = Instant::now();
        let start = Hub::start(config, Arc::new(SystemClock));
        let hub = hub_runtime.block_on(start).unwrap();
        println!(
            "opened in {:?}: {:?}",
            begun.elapsed(),
            hub.status().partitions[0]
        );
        let endpoint = format!("amqp://{}", hub.address());
        if !presettle {
            measure("send_batch of 1,000", || {
                client_runtime.block_on(send(&endpoint))
            });
        }
        for run in ["first", "second"] {
            let name = format!("receive, presettle {presettle}, {run}");
            measure(&name, || client_runtime.block_on(receive(&endpoint)));
        }
        hub_runtime.block_on(hub.stop());
    }
}

fn measure(name: &str, work: impl FnOnce()) {
    let (begun, hub, all) = (Instant::now(), cpu(Some("hub")), cpu(None));
    work();
    let (took, hub, all) = (begun.elapsed(), cpu(Some("hub")) - hub, cpu(None) - all);
    let count = u32::try_from(EVENTS).unwrap();
    let per_event = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(count);
    println!(
        "{name}: {:.0} events/s, hub {:.2} us CPU per event, client {:.2} us",
        f64::from(count) / took.as_secs_f64(),
        per_event(hub),
        per_event(all - hub),
    );
}

/// CPU time of this process, or of its threads with a name.
fn cpu(thread_name: Option<&str>) -> Duration {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else {
            continue;
        };
        let (name, rest) = stat.rsplit_once(')').unwrap();
        let name = name.split_once('(').unwrap().1;
        if thread_name.is_none_or(|wanted| wanted == name) {
            let fields: Vec<&str> = rest.split_whitespace().collect();
            ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    Duration::from_millis(ticks * 10)
}

async fn send(endpoint: &str) {
    let producer = ProducerClient::builder()
        .with_custom_endpoint(endpoint.to_owned())
        .open_with_connection_string(DEVELOPMENT_CONNECTION_STRING, Some("statuses"))
        .await
        .unwrap();
    for _ in 0..EVENTS / BATCH {
        let options = EventDataBatchOptions {
            partition_id: Some("0".to_owned()),
            ..EventDataBatchOptions::default()
        };
        let batch = producer.create_batch(Some(options)).await.unwrap();
        for _ in 0..BATCH {
            let event = EventData::builder().with_body(BODY).build();
            assert!(batch.try_add_event_data(event, None).unwrap());
        }
        producer
            .send_batch(batch, None::<SendBatchOptions>)
            .await
            .unwrap();
    }
    producer.close().await.unwrap();
}

async fn receive(endpoint: &str) {
    let consumer = ConsumerClient::builder()
        .with_custom_endpoint(endpoint.to_owned())
        .open_with_connection_string(DEVELOPMENT_CONNECTION_STRING, Some("statuses"))
        .await
        .unwrap();
    let options = OpenReceiverOptions {
        prefetch: Some(2_000),
        start_position: Some(StartPosition {
            location: StartLocation::Earliest,
            inclusive: false,
        }),
        ..OpenReceiverOptions::default()
    };
    let receiver = consumer
        .open_receiver_on_partition("0".to_owned(), Some(options))
        .await
        .unwrap();
    let mut events = std::pin::pin!(receiver.stream_events().take(EVENTS));
    let mut received = 0;
    while let Some(event) = events.next().await {
        event.unwrap();
        received += 1;
    }
    assert_eq!(received, EVENTS);
}
