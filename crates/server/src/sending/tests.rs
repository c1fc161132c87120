//! Sending against the embedded hub.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rollcall_hub::Hub;
use rollcall_model::SystemClock;
use tokio::sync::mpsc;

use super::*;
use crate::settings::endpoint_of;

const PARTITIONS: u32 = 3;

struct HubSite {
    dir: tempfile::TempDir,
}

impl HubSite {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    async fn start(&self, listen: SocketAddr) -> Hub {
        let config = rollcall_hub::Config {
            listen,
            partitions: PARTITIONS,
            ..rollcall_hub::Config::new(self.dir.path())
        };
        Hub::start(config, Arc::new(SystemClock)).await.unwrap()
    }

    /// The bodies of each partition, in order.
    fn log(&self) -> BTreeMap<u32, Vec<Vec<u8>>> {
        let mut log: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
        for event in rollcall_hub::dump(self.dir.path()).unwrap() {
            let event = event.unwrap();
            log.entry(event.partition_id).or_default().push(event.body);
        }
        log
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn source(address: SocketAddr) -> rollcall_source::Config {
    rollcall_source::Config {
        custom_endpoint: Some(endpoint_of(address)),
        ..rollcall_source::Config::default()
    }
}

fn patience(give_up_after: Duration) -> Patience {
    Patience {
        doubt: Doubt::SendAgain,
        give_up_after: Some(give_up_after),
    }
}

fn group(partition: usize, numbers: std::ops::Range<u64>) -> Group {
    let events = numbers.map(|number| Outgoing {
        number,
        body: number.to_string().into_bytes(),
    });
    Group {
        partition,
        events: events.collect(),
    }
}

async fn all(mut reports: mpsc::Receiver<Report>) -> Vec<Report> {
    let mut received = Vec::new();
    while let Some(report) = reports.recv().await {
        received.push(report);
    }
    received
}

fn acknowledged(reports: &[Report]) -> usize {
    let taken = |report: &&Report| matches!(report.outcome, Outcome::Acknowledged { .. });
    reports
        .iter()
        .filter(taken)
        .map(|report| report.events.len())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_arrive_on_their_partitions_in_order_and_are_reported() {
    let site = HubSite::new();
    let hub = site.start(any_port()).await;
    let started = Dispatcher::start(source(hub.address()), patience(Duration::from_secs(20))).await;
    let (dispatcher, reports) = started.unwrap();
    let reports = tokio::spawn(all(reports));
    assert_eq!(dispatcher.partitions(), ["0", "1", "2"]);
    for (partition, numbers) in [(0, 0..5), (2, 5..300), (0, 300..302)] {
        dispatcher.submit(group(partition, numbers)).await.unwrap();
    }
    dispatcher.finish().await;
    assert_eq!(acknowledged(&reports.await.unwrap()), 302);
    hub.stop().await;
    let texts = |numbers: Vec<u64>| -> Vec<Vec<u8>> {
        numbers
            .iter()
            .map(|number| number.to_string().into_bytes())
            .collect()
    };
    let log = site.log();
    assert_eq!(log[&0], texts((0..5).chain(300..302).collect()));
    assert_eq!(log[&2], texts((5..300).collect()));
    assert!(!log.contains_key(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_refused_alone() {
    let site = HubSite::new();
    let hub = site.start(any_port()).await;
    let started = Dispatcher::start(source(hub.address()), patience(Duration::from_secs(20))).await;
    let (dispatcher, reports) = started.unwrap();
    let reports = tokio::spawn(all(reports));
    let mut events = group(1, 0..3).events;
    events[1].body = vec![b'x'; 2 << 20];
    dispatcher
        .submit(Group {
            partition: 1,
            events,
        })
        .await
        .unwrap();
    dispatcher.finish().await;
    let reports = reports.await.unwrap();
    assert_eq!(acknowledged(&reports), 2);
    let refused: Vec<_> = reports
        .iter()
        .filter(|report| matches!(report.outcome, Outcome::Refused(_)))
        .flat_map(|report| report.events.iter().map(|event| event.number))
        .collect();
    assert_eq!(refused, [1]);
    hub.stop().await;
    assert_eq!(site.log()[&1], [b"0".to_vec(), b"2".to_vec()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_comes_back_gets_everything_in_order() {
    let site = HubSite::new();
    let hub = site.start(any_port()).await;
    let address = hub.address();
    let started = Dispatcher::start(source(address), patience(Duration::from_secs(30))).await;
    let (dispatcher, reports) = started.unwrap();
    let reports = tokio::spawn(all(reports));
    dispatcher.submit(group(0, 0..10)).await.unwrap();
    hub.stop().await;
    dispatcher.submit(group(0, 10..20)).await.unwrap();
    let hub = site.start(address).await;
    dispatcher.finish().await;
    assert_eq!(acknowledged(&reports.await.unwrap()), 20);
    hub.stop().await;
    let mut bodies = site.log()[&0].clone();
    // A batch whose answer was lost may be there twice.
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_stays_away_is_given_up() {
    let site = HubSite::new();
    let hub = site.start(any_port()).await;
    let started = Dispatcher::start(source(hub.address()), patience(Duration::ZERO)).await;
    let (dispatcher, reports) = started.unwrap();
    let reports = tokio::spawn(all(reports));
    hub.stop().await;
    dispatcher.submit(group(0, 0..10)).await.unwrap();
    dispatcher.finish().await;
    let reports = reports.await.unwrap();
    assert_eq!(acknowledged(&reports), 0);
    assert_eq!(
        reports
            .iter()
            .map(|report| report.events.len())
            .sum::<usize>(),
        10
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hub_nothing_starts() {
    let free = std::net::TcpListener::bind(any_port())
        .unwrap()
        .local_addr()
        .unwrap();
    let failure = connect(source(free), patience(Duration::ZERO))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        failure.starts_with(&format!("the hub at amqp://{free} does not answer: ")),
        "{failure}"
    );
    assert!(
        failure.contains("start the node (rollcall run)"),
        "{failure}"
    );
}
