//! How many statuses a second the store alone commits, and how fast a storm is provisioned.
//!
//! `cargo run --release -p rollcall-store --example commit_rate -- [ROWS] [GROUP] [DIRECTORY]`
//!
//! Groups of GROUP statuses over eight partitions, as a status writer sends them, for 30 and for
//! 1,000 sub-owners; then 10,000 newcomers with five sub-owners each in transactions of 2,000.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a measurement prints its figures"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_model::{
    CreatedBy, Drops, EventSource, OwnerId, OwnerState, PartitionId, SequenceNumber, Settings,
    Span, Status, SubOwnerId, Timestamp,
};
use rollcall_store::{Answer, Batch, Claim, Config, HubIdentity, Newcomer, Store, Stream, Tenure};
use uuid::Uuid;

const PARTITIONS: u32 = 8;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: i64| {
        let given = arguments.get(index);
        given.map_or(default, |text| text.parse().unwrap())
    };
    let (rows, group) = (number(0, 1_000_000), number(1, 20_000));
    let directory = tempfile::tempdir_in(arguments.get(2).map_or(".", String::as_str)).unwrap();
    for sub_owners in [30, 1_000] {
        let file = directory.path().join(format!("{sub_owners}.db"));
        commits(&file, sub_owners, rows, group).await;
    }
    provisioning(&directory.path().join("storm.db")).await;
}

async fn open(file: &Path) -> Store {
    let config = Config {
        busy_timeout: Duration::from_secs(5),
        readers: 2,
        ..Config::new(format!("sqlite://{}", file.display()))
    };
    Store::open(config).await.unwrap()
}

async fn commits(file: &Path, sub_owners: i64, rows: i64, group: i64) {
    let store = open(file).await;
    let readers = claim_all(&store).await;
    provision(&store, 0..sub_owners.div_euclid(5), 5).await;
    let mut took = Duration::ZERO;
    let per_batch = group / i64::from(PARTITIONS);
    for round in 0..rows / group {
        let batches: Vec<_> = readers
            .iter()
            .map(|reader| Arc::new(reader.batch(round * per_batch, per_batch, sub_owners)))
            .collect();
        let started = Instant::now();
        let answers = store.commit(batches).await.unwrap();
        took += started.elapsed();
        assert!(answers.iter().all(|answer| *answer == Answer::Committed));
    }
    let rate = rows as f64 / took.as_secs_f64();
    println!("{sub_owners:>5} sub-owners, groups of {group}: {rate:>9.0} statuses/s");
}

async fn provisioning(file: &Path) {
    let store = open(file).await;
    let started = Instant::now();
    for first in (0..10_000).step_by(2_000) {
        provision(&store, first..first + 2_000, 5).await;
    }
    let took = started.elapsed();
    println!("10,000 owners with 5 sub-owners each entered and announced in {took:.2?}");
}

struct Reader {
    stream: Stream,
    partition_id: PartitionId,
    tenure: Tenure,
    claim: Claim,
}

async fn claim_all(store: &Store) -> Vec<Reader> {
    let hub = HubIdentity {
        namespace: "localhost".to_owned(),
        event_hub: "statuses".to_owned(),
        consumer_group: "$Default".to_owned(),
        created_at: Timestamp::EPOCH,
    };
    let stream = store.resolve_stream(&hub).await.unwrap();
    let mut readers = Vec::new();
    for partition in 0..PARTITIONS {
        readers.push(Reader::claim(store, &stream, PartitionId(partition)).await);
    }
    readers
}

impl Reader {
    async fn claim(store: &Store, stream: &Stream, partition_id: PartitionId) -> Self {
        let tenure = Tenure {
            node: "bench".to_owned(),
            incarnation: Uuid::now_v7(),
            ttl: Duration::from_secs(15),
        };
        let stream_id = stream.stream_id;
        let claim = store.claim_partition(stream_id, partition_id, &tenure);
        let claim = claim.await.unwrap().unwrap();
        let (epoch, incarnation) = (claim.epoch, tenure.incarnation);
        let first = SequenceNumber(0);
        store
            .begin_partition(stream_id, partition_id, epoch, incarnation, first, None)
            .await
            .unwrap();
        Self {
            stream: stream.clone(),
            partition_id,
            tenure,
            claim,
        }
    }

    fn batch(&self, first: i64, count: i64, sub_owners: i64) -> Batch {
        let status = |number| status(number, self.partition_id, sub_owners);
        Batch {
            stream_id: self.stream.stream_id,
            partition_id: self.partition_id,
            epoch: self.claim.epoch,
            incarnation: self.tenure.incarnation,
            span: Span {
                after: SequenceNumber(first - 1),
                upto: SequenceNumber(first + count - 1),
            },
            statuses: (first..first + count).map(status).collect(),
            held: Vec::new(),
            dead: Vec::new(),
            drops: Drops::default(),
            gaps: Vec::new(),
            offset: None,
        }
    }
}

/// The sub-owners' statuses in turn, one a second each.
fn status(number: i64, partition_id: PartitionId, sub_owners: i64) -> Status {
    let sender = (number * 7 + i64::from(partition_id.0)).rem_euclid(sub_owners);
    let at = Timestamp::from_millis(1_795_428_000_000 + number);
    Status {
        sequence_number: SequenceNumber(number),
        enqueued_at: at,
        status_at: at,
        owner_id: owner_id(sender.div_euclid(5)),
        sub_owner_id: SubOwnerId::parse(&format!("meter-{}", sender.rem_euclid(5))).unwrap(),
        data: format!(
            r#"{{"power":{}.25,"voltage":230.1,"state":"ok"}}"#,
            number % 5_000
        )
        .into(),
        value: Some((number % 5_000) as f64 + 0.25),
        version: 1,
    }
}

async fn provision(store: &Store, owners: std::ops::Range<i64>, sub_owners: i64) {
    let ids: Vec<_> = (0..sub_owners)
        .map(|number| SubOwnerId::parse(&format!("meter-{number}")).unwrap())
        .collect();
    let newcomers = owners
        .map(|number| Newcomer {
            owner_id: owner_id(number),
            sub_owner_ids: ids.clone(),
            state: OwnerState::Active,
            created_by: CreatedBy::Stream,
            sub_owners_created_by: CreatedBy::Stream,
            display_name: None,
            settings: Settings::default(),
        })
        .collect();
    let source = EventSource::new("localhost", "statuses");
    store.provision(&source, newcomers).await.unwrap();
}

fn owner_id(number: i64) -> OwnerId {
    OwnerId::parse(&format!("customer-{number}")).unwrap()
}
