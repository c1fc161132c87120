//! A database of its own for each test, a node, and batches that add up.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{
    Drops, OwnerId, PartitionId, SequenceNumber, Span, Status, StreamId, SubOwnerId, Timestamp,
};
use rollcall_store::{
    Answer, Batch, Claim, Config, Error, HubIdentity, Kind, Store, Tenure, application_name,
};
use rollcall_test_servers::{Database, Postgres};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// 2026-11-23T10:00:00Z.
pub(crate) const START: i64 = 1_795_428_000;

/// A database without a node.
pub(crate) struct Site(Database<'static>);

/// A node's store and its incarnation.
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) tenure: Tenure,
}

/// A claimed partition.
pub(crate) struct Lease {
    stream_id: StreamId,
    partition_id: PartitionId,
    incarnation: Uuid,
    pub(crate) claim: Claim,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::on(Postgres::of_this_process())
    }

    pub(crate) fn on(cluster: &'static Postgres) -> Self {
        Self(cluster.new_database().unwrap())
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.0.url())
    }

    /// As somebody who is no superuser sees it.
    pub(crate) fn config_of(&self, role: &str) -> Config {
        let url = self.0.url();
        let (_, place) = url.split_once('@').expect("a URL with a user");
        Config::new(format!("postgres://{role}@{place}"))
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut session = self.session("test").await;
        sqlx::query(sql).execute(&mut session).await.unwrap();
    }

    pub(crate) async fn node(&self, name: &str, ttl: Duration) -> Node {
        let incarnation = Uuid::now_v7();
        let config = Config {
            application_name: application_name(incarnation),
            lease_ttl: ttl,
            writers: 2,
            ..self.config()
        };
        Node {
            store: Store::open(config).await.unwrap(),
            tenure: Tenure {
                node: name.to_owned(),
                incarnation,
                ttl,
            },
        }
    }

    /// A session beside the store's, under a name.
    pub(crate) async fn session(&self, application: &str) -> PgConnection {
        let url = self.0.url();
        let mark = if url.contains('?') { '&' } else { '?' };
        PgConnection::connect(&format!("{url}{mark}application_name={application}"))
            .await
            .unwrap()
    }

    /// Enters active owners.
    pub(crate) async fn enter(&self, owners: &[&str]) {
        let mut session = self.session("test").await;
        for owner in owners {
            sqlx::query(
                "INSERT INTO owners
                     (owner_id, state, settings, version, created_at, created_by, search)
                 VALUES ($1, 'active', '{}', 1, clock_timestamp(), 'stream', $1)",
            )
            .bind(owner)
            .execute(&mut session)
            .await
            .unwrap();
        }
    }

    /// Ends every session on the database, and waits until they have.
    pub(crate) async fn ends_other_sessions(&self) {
        self.count(
            "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut session = self.session("test").await;
        sqlx::query_scalar(sql)
            .fetch_one(&mut session)
            .await
            .unwrap()
    }
}

/// A session that a stopped server has cut is found at its next use: each costs one try.
async fn past_cut_sessions<T>(call: impl AsyncFn() -> Result<T, Error>) -> T {
    const SESSIONS: usize = 20;
    for _ in 0..SESSIONS {
        match call().await {
            Err(error) if error.kind == Kind::Unavailable => {}
            answer => return answer.unwrap(),
        }
    }
    call().await.unwrap()
}

impl Node {
    pub(crate) async fn stream(&self) -> StreamId {
        let hub = HubIdentity {
            namespace: "localhost".to_owned(),
            event_hub: "statuses".to_owned(),
            consumer_group: "$Default".to_owned(),
            created_at: Timestamp::EPOCH,
        };
        past_cut_sessions(async || self.store.resolve_stream(&hub).await)
            .await
            .stream_id
    }

    pub(crate) async fn try_claim(&self, partition: u32) -> Option<Lease> {
        let (stream_id, partition_id) = (self.stream().await, PartitionId(partition));
        let claim = past_cut_sessions(async || {
            let store = &self.store;
            let claiming = store.claim_partition(stream_id, partition_id, &self.tenure);
            claiming.await
        });
        claim.await.map(|claim| Lease {
            stream_id,
            partition_id,
            incarnation: self.tenure.incarnation,
            claim,
        })
    }

    /// Claims the partition and begins it at 0 if it is not.
    pub(crate) async fn claim(&self, partition: u32) -> Lease {
        let lease = self.try_claim(partition).await.unwrap();
        if lease.claim.checkpoint.is_none() {
            let begun = self.store.begin_partition(
                lease.stream_id,
                lease.partition_id,
                lease.claim.epoch,
                lease.incarnation,
                SequenceNumber(0),
                None,
            );
            assert_eq!(begun.await.unwrap(), Answer::Committed);
        }
        lease
    }

    pub(crate) async fn commit(&self, batches: &[Arc<Batch>]) -> Vec<Answer> {
        self.store.commit(batches.to_vec()).await.unwrap()
    }

    /// Claims it as soon as the lease of whoever holds it is expired.
    pub(crate) async fn claim_expired(&self, partition: u32) -> Lease {
        loop {
            if let Some(lease) = self.try_claim(partition).await {
                return lease;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Lease {
    /// A status of `owner` for each number of `(after, upto]`, one a second.
    pub(crate) fn batch(&self, owner: &str, after: i64, upto: i64) -> Arc<Batch> {
        self.batch_at(owner, after, upto, |number| START + number)
    }

    /// As [`Self::batch`], each enqueued at the Unix second that `at` says.
    pub(crate) fn batch_at(
        &self,
        owner: &str,
        after: i64,
        upto: i64,
        at: impl Fn(i64) -> i64,
    ) -> Arc<Batch> {
        let status = |number| {
            let at = Timestamp::from_millis(at(number) * 1_000);
            Status {
                sequence_number: SequenceNumber(number),
                enqueued_at: at,
                status_at: at,
                owner_id: OwnerId::parse(owner).unwrap(),
                sub_owner_id: SubOwnerId::parse("s").unwrap(),
                data: number.to_string().into(),
                value: number.to_string().parse().ok(),
                version: 1,
            }
        };
        Arc::new(Batch {
            stream_id: self.stream_id,
            partition_id: self.partition_id,
            epoch: self.claim.epoch,
            incarnation: self.incarnation,
            span: Span {
                after: SequenceNumber(after),
                upto: SequenceNumber(upto),
            },
            statuses: (after + 1..=upto).map(status).collect(),
            held: Vec::new(),
            dead: Vec::new(),
            drops: Drops::default(),
            gaps: Vec::new(),
            offset: Some("it's \\ an offset".into()),
        })
    }
}
