//! A database of its own for each test, a clock that the test turns, and batches that add up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rollcall_model::{
    Clock, CreatedBy, DeadLetter, DeadReason, DropReason, Drops, Epoch, EventSource, OwnerId,
    OwnerState, PartitionId, SequenceNumber, Settings, Span, Status, StreamId, SubOwner,
    SubOwnerId, Timestamp,
};
use rollcall_store::{
    Answer, Batch, Change, Claim, Config, HubIdentity, Newcomer, Order, OwnerPatch, PartitionRow,
    Provisioned, StatusRange, StatusRow, Store, Tenure,
};
use uuid::Uuid;

/// The tests' day: 2026-11-23T10:00:00Z.
pub(crate) const START: i64 = 1_795_428_000;

/// A clock that stands still until it is turned.
#[derive(Debug)]
pub(crate) struct Hand(AtomicI64);

impl Hand {
    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) clock: Arc<Hand>,
    pub(crate) config: Config,
    /// Holds the file until the test is over.
    _directory: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Below a directory that does not exist yet.
        let file = directory.path().join("data").join("roll.db");
        let config = Config {
            busy_timeout: Duration::from_secs(10),
            readers: 2,
            ..Config::new(format!("sqlite://{}", file.display()))
        };
        let clock = Arc::new(Hand(AtomicI64::new(START * 1_000_000)));
        let store = Store::open_with_clock(config.clone(), clock.clone())
            .await
            .unwrap();
        Self {
            store,
            clock,
            config,
            _directory: directory,
        }
    }

    /// A stream with one partition that is claimed and begun at number 0.
    pub(crate) async fn lease(&self) -> Lease {
        let stream = self.store.resolve_stream(&hub()).await.unwrap();
        self.lease_of(stream.stream_id, 3, "a").await
    }

    pub(crate) async fn lease_of(&self, stream_id: StreamId, partition: u32, node: &str) -> Lease {
        let lease = self.claim(stream_id, partition, node).await;
        if lease.claim.checkpoint.is_none() {
            lease.begin(&self.store, 0).await;
        }
        lease
    }

    pub(crate) async fn claim(&self, stream_id: StreamId, partition: u32, node: &str) -> Lease {
        let tenure = tenure(node);
        let partition_id = PartitionId(partition);
        let claim = self
            .store
            .claim_partition(stream_id, partition_id, &tenure)
            .await
            .unwrap()
            .unwrap();
        Lease {
            stream_id,
            partition_id,
            tenure,
            claim,
        }
    }

    /// Enters active owners, each with one sub-owner `s`.
    pub(crate) async fn enter(&self, owners: &[&str]) {
        let newcomers = owners.iter().map(|id| newcomer(id, &["s"])).collect();
        self.provision(newcomers).await;
    }

    pub(crate) async fn commit(&self, batches: Vec<Arc<Batch>>) -> Vec<Answer> {
        self.store.commit(batches).await.unwrap()
    }

    /// Fails unless the batch is stored.
    pub(crate) async fn commit_one(&self, batch: Batch) {
        let answers = self.commit(vec![Arc::new(batch)]).await;
        assert_eq!(answers, [Answer::Committed]);
    }

    pub(crate) async fn change(&self, owner: &str, patch: OwnerPatch) {
        assert!(matches!(
            self.try_change(owner, patch).await,
            Change::Done(_)
        ));
    }

    pub(crate) async fn try_change(&self, owner: &str, patch: OwnerPatch) -> Change {
        let (source, owner_id) = (source(), owner_id(owner));
        let change = self.store.change_owner(&source, &owner_id, patch);
        change.await.unwrap()
    }

    pub(crate) async fn provision(&self, newcomers: Vec<Newcomer>) -> Vec<Provisioned> {
        let source = source();
        let provisioned = self.store.provision(&source, newcomers);
        provisioned.await.unwrap()
    }

    pub(crate) async fn latest(&self, owner: &str, sub_owner: &str) -> Option<StatusRow> {
        let (owner_id, sub_owner_id) = (owner_id(owner), sub_owner_id(sub_owner));
        let latest = self.store.latest_status(&owner_id, &sub_owner_id);
        latest.await.unwrap()
    }

    pub(crate) async fn sub_owner(&self, owner: &str, sub_owner: &str) -> SubOwner {
        let (owner_id, sub_owner_id) = (owner_id(owner), sub_owner_id(sub_owner));
        let found = self.store.sub_owner(&owner_id, &sub_owner_id);
        found.await.unwrap().unwrap()
    }

    pub(crate) async fn partition(&self, lease: &Lease) -> PartitionRow {
        let rows = self.store.list_partitions(lease.stream_id).await.unwrap();
        let mut rows = rows.into_iter();
        rows.find(|row| row.partition_id == lease.partition_id)
            .unwrap()
    }

    /// Every stored status of the owner's sub-owner `s`, oldest first.
    pub(crate) async fn statuses(&self, owner: &str) -> Vec<StatusRow> {
        let range = StatusRange {
            order: Order::OldestFirst,
            ..StatusRange::default()
        };
        let (owner_id, sub_owner_id) = (owner_id(owner), sub_owner_id("s"));
        let listed = self
            .store
            .list_statuses(&owner_id, &sub_owner_id, range, 1_000, None);
        let page = listed.await.unwrap();
        assert_eq!(page.next_cursor, None);
        page.items
    }

    /// The numbers of [`Self::statuses`].
    pub(crate) async fn numbers(&self, owner: &str) -> Vec<i64> {
        let rows = self.statuses(owner).await;
        rows.iter().map(|row| row.sequence_number.0).collect()
    }

    /// Fails if `doctor` finds anything.
    pub(crate) async fn assert_invariants(&self) {
        for finding in self.store.check_invariants().await.unwrap() {
            assert_eq!(finding.fault, None, "{}", finding.check);
        }
    }
}

/// A claimed partition.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) stream_id: StreamId,
    pub(crate) partition_id: PartitionId,
    pub(crate) tenure: Tenure,
    pub(crate) claim: Claim,
}

impl Lease {
    pub(crate) fn epoch(&self) -> Epoch {
        self.claim.epoch
    }

    pub(crate) async fn begin(&self, store: &Store, first: i64) -> rollcall_store::Answer {
        store
            .begin_partition(
                self.stream_id,
                self.partition_id,
                self.claim.epoch,
                self.tenure.incarnation,
                SequenceNumber(first),
                Some(1),
            )
            .await
            .unwrap()
    }

    /// An empty batch `(after, upto]`; the test fills it.
    pub(crate) fn batch(&self, after: i64, upto: i64) -> Batch {
        Batch {
            stream_id: self.stream_id,
            partition_id: self.partition_id,
            epoch: self.claim.epoch,
            incarnation: self.tenure.incarnation,
            span: span(after, upto),
            statuses: Vec::new(),
            held: Vec::new(),
            dead: Vec::new(),
            drops: Drops::default(),
            gaps: Vec::new(),
            offset: None,
        }
    }

    /// A batch with a status of `owner` for each number.
    pub(crate) fn filled(&self, owner: &str, after: i64, upto: i64) -> Arc<Batch> {
        let mut batch = self.batch(after, upto);
        batch.statuses = (after + 1..=upto).map(|n| status(owner, "s", n)).collect();
        Arc::new(batch)
    }
}

pub(crate) fn span(after: i64, upto: i64) -> Span {
    Span {
        after: SequenceNumber(after),
        upto: SequenceNumber(upto),
    }
}

pub(crate) fn hub() -> HubIdentity {
    HubIdentity {
        namespace: "localhost".to_owned(),
        event_hub: "statuses".to_owned(),
        consumer_group: "$Default".to_owned(),
        created_at: at(-1_000),
    }
}

pub(crate) fn source() -> EventSource {
    EventSource::new("localhost", "statuses")
}

pub(crate) fn tenure(node: &str) -> Tenure {
    Tenure {
        node: node.to_owned(),
        incarnation: Uuid::now_v7(),
        ttl: Duration::from_secs(15),
    }
}

/// `seconds` after the tests' start.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis((START + seconds) * 1_000)
}

pub(crate) fn owner_id(text: &str) -> OwnerId {
    OwnerId::parse(text).unwrap()
}

pub(crate) fn sub_owner_id(text: &str) -> SubOwnerId {
    SubOwnerId::parse(text).unwrap()
}

pub(crate) fn newcomer(owner: &str, sub_owners: &[&str]) -> Newcomer {
    Newcomer {
        owner_id: owner_id(owner),
        sub_owner_ids: sub_owners.iter().map(|id| sub_owner_id(id)).collect(),
        state: OwnerState::Active,
        created_by: CreatedBy::Stream,
        sub_owners_created_by: CreatedBy::Stream,
        display_name: None,
        settings: Settings::default(),
    }
}

/// A status whose number is its time in seconds and its value.
pub(crate) fn status(owner: &str, sub_owner: &str, number: i64) -> Status {
    Status {
        sequence_number: SequenceNumber(number),
        enqueued_at: at(number),
        status_at: at(number),
        owner_id: owner_id(owner),
        sub_owner_id: sub_owner_id(sub_owner),
        data: number.to_string().into(),
        value: number.to_string().parse().ok(),
        version: 1,
    }
}

pub(crate) fn dead_letter(number: i64) -> DeadLetter {
    DeadLetter {
        sequence_number: SequenceNumber(number),
        enqueued_at: at(number),
        reason: DeadReason::NotJson,
        detail: "expected value at line 1 column 1".to_owned(),
        body: vec![0, 159, 146, 150],
    }
}

pub(crate) fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn drops(counts: &[(DropReason, u64)]) -> Drops {
    Drops(counts.iter().copied().collect())
}

pub(crate) fn change_state(state: OwnerState) -> OwnerPatch {
    OwnerPatch {
        state: Some(state),
        changed_by: "test".to_owned(),
        ..OwnerPatch::default()
    }
}
