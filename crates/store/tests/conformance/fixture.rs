//! A database of its own for each test, time that the test lets pass, and batches that add up.

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
    Provisioned, StatusRange, StatusRow, Store, Tenure, application_name,
};
use rollcall_test_servers::{Database, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

/// The tests' day: 2026-11-23T10:00:00Z.
pub(crate) const START: i64 = 1_795_428_000;

/// Of every lease.
pub(crate) const TTL: Duration = Duration::from_secs(15);

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

/// The database that a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

/// Makes two tests of each function `async fn name(on: On)`: `sqlite::name` and `postgres::name`.
/// One that is forgotten here is dead code, which the lints refuse.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::fixture::On::Sqlite).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::fixture::On::Postgres).await;
                }
            )+
        }
    };
}

/// Holds the database until the test is over.
enum Place {
    Directory(#[expect(dead_code, reason = "held, not read")] tempfile::TempDir),
    Database(#[expect(dead_code, reason = "held, not read")] Database<'static>),
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    /// SQLite's; PostgreSQL has its own.
    pub(crate) clock: Arc<Hand>,
    pub(crate) config: Config,
    pub(crate) on: On,
    _place: Place,
}

impl Fixture {
    pub(crate) async fn new(on: On) -> Self {
        let (url, place) = match on {
            On::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                // Below a directory that does not exist yet.
                let file = directory.path().join("data").join("roll.db");
                let url = format!("sqlite://{}", file.display());
                (url, Place::Directory(directory))
            }
            On::Postgres => {
                let database = Postgres::of_this_process().new_database().unwrap();
                (database.url(), Place::Database(database))
            }
        };
        let config = config(&url);
        let clock = Arc::new(Hand(AtomicI64::new(START * 1_000_000)));
        let store = Store::open_with_clock(config.clone(), clock.clone())
            .await
            .unwrap();
        Self {
            store,
            clock,
            config,
            on,
            _place: place,
        }
    }

    /// The same database as another process sees it.
    pub(crate) async fn other_store(&self) -> Store {
        let opened = Store::open_with_clock(self.config.clone(), self.clock.clone());
        opened.await.unwrap()
    }

    /// As another node sees it.
    pub(crate) async fn other_node(&self) -> Store {
        let config = Config {
            application_name: application_name(Uuid::now_v7()),
            ..self.config.clone()
        };
        Store::open(config).await.unwrap()
    }

    /// On PostgreSQL.
    pub(crate) async fn until_somebody_waits_for_a_lock(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        let mut connection = PgConnection::connect(&self.config.url).await.unwrap();
        loop {
            let waiting = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            );
            let waiting: i64 = waiting.fetch_one(&mut connection).await.unwrap();
            if waiting > 0 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "nobody waits");
        }
    }

    /// Lets time pass. PostgreSQL's clock is the server's, which nobody turns: there everything
    /// that is measured against it lies further back from then on.
    pub(crate) async fn advance(&self, by: Duration) {
        if self.on == On::Sqlite {
            self.clock.advance(by);
            return;
        }
        for (table, column) in [
            ("partitions", "expires_at"),
            ("partitions", "last_commit_at"),
            ("nodes", "last_seen_at"),
            ("outbox_deliveries", "not_before"),
            ("recalibrations", "worked_until"),
        ] {
            let seconds = by.as_secs_f64();
            self.execute(&format!(
                "UPDATE {table} SET {column} = {column} - make_interval(secs => {seconds})"
            ))
            .await;
        }
    }

    /// The database's time.
    pub(crate) async fn now(&self) -> Timestamp {
        match self.on {
            On::Sqlite => self.clock.now(),
            On::Postgres => {
                let mut connection = PgConnection::connect(&self.config.url).await.unwrap();
                let now = sqlx::query_scalar("SELECT clock_timestamp()");
                let now: time::OffsetDateTime = now.fetch_one(&mut connection).await.unwrap();
                now.into()
            }
        }
    }

    /// Behind the store's back; how many rows it touched.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.on {
            On::Sqlite => {
                let url = &self.config.url;
                let mut connection = SqliteConnection::connect(url).await.unwrap();
                let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
                done.rows_affected()
            }
            On::Postgres => {
                let mut connection = PgConnection::connect(&self.config.url).await.unwrap();
                let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
                done.rows_affected()
            }
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

    /// As a new incarnation of `node`; whoever had the lease has lost it.
    pub(crate) async fn claim(&self, stream_id: StreamId, partition: u32, node: &str) -> Lease {
        let tenure = tenure(node);
        let partition_id = PartitionId(partition);
        if self.on == On::Postgres {
            self.expire(partition).await;
        }
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

    async fn expire(&self, partition: u32) {
        self.execute(&format!(
            "UPDATE partitions SET expires_at = clock_timestamp() - interval '1 s'
             WHERE partition_id = {partition} AND expires_at IS NOT NULL"
        ))
        .await;
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

pub(crate) fn config(url: &str) -> Config {
    Config {
        busy_timeout: Duration::from_secs(10),
        readers: 2,
        application_name: application_name(Uuid::now_v7()),
        ..Config::new(url)
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
        ttl: TTL,
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
