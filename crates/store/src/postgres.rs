//! PostgreSQL: pools of connections, and SQL for each transaction.
//!
//! Invariants:
//! - a transaction locks owners first, then what is counted of them (`held_counts`), then rows of the
//!   roll or of statuses, and rows of `partitions` last; within a table in the order of the key. Whoever keeps to that order meets
//!   no deadlock;
//! - time is the server's `clock_timestamp()`, never the node's, never the frozen `now()`;
//! - nothing that a stopped process holds blocks others for long: the server ends its sessions
//!   (`open` says when), a claim of its expired lease does so at once ([`lease::claim`]), and every
//!   keeper those that no time-out ends ([`stalled::end_stalled`]);
//! - `synchronous_commit` is what the server's owner set: by default nothing that was answered is
//!   lost.

pub(crate) mod access;
pub(crate) mod changes;
pub(crate) mod commit;
mod copy;
mod days;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod erasure;
mod error;
pub(crate) mod held;
pub(crate) mod lease;
pub(crate) mod live_feed;
mod nodelay;
mod open;
pub(crate) mod outbox;
pub(crate) mod outbox_retention;
pub(crate) mod owners;
mod past;
pub(crate) mod pending;
pub(crate) mod provision;
pub(crate) mod recalibration;
pub(crate) mod replay;
pub(crate) mod resend;
pub(crate) mod retention;
mod rows;
pub(crate) mod stalled;
pub(crate) mod state_counts;
pub(crate) mod stream;
mod wakes;
mod writing;

use std::sync::Arc;

use rollcall_model::Timestamp;
use sea_orm::DatabaseConnection;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::PendingStatuses;
use crate::fault::{Fault, Result};
use crate::live::{Live, LiveFilter, LiveStatuses};
use days::Days;
use live_feed::LiveFeed;
use past::PastKeeper;
use wakes::Listener;
use writing::Writing;

pub(crate) use error::classify;

/// An open PostgreSQL database.
pub(crate) struct Database {
    /// None where the store was opened for reading.
    writers: Option<Writers>,
    readers: PgPool,
    /// The readers once more, for sea-orm.
    reading: DatabaseConnection,
    days: Days,
    listener: Listener,
    past: Arc<PastKeeper>,
    /// As the server names the sessions: the node, to others.
    application_name: String,
    live: LiveFeed,
    pending_statuses: PendingStatuses,
}

/// Connections that write, apart by use, so that a storm of newcomers or a slow commit never makes
/// a renewal wait.
struct Writers {
    commits: PgPool,
    leases: PgPool,
    others: PgPool,
}

impl Database {
    pub(crate) fn reading(&self) -> &DatabaseConnection {
        &self.reading
    }

    pub(crate) fn readers(&self) -> &PgPool {
        &self.readers
    }

    pub(crate) async fn now(&self) -> Result<Timestamp> {
        let now: OffsetDateTime = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&self.readers)
            .await?;
        Ok(now.into())
    }

    /// One snapshot for several statements that read.
    pub(crate) async fn snapshot(&self) -> Result<sqlx::Transaction<'static, sqlx::Postgres>> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.readers.begin_with(begin).await?)
    }

    /// Who listens to what this process commits.
    pub(crate) fn live(&self) -> &Live {
        self.live.live()
    }

    /// What other nodes commit is listened to as well.
    pub(crate) fn listen_live(
        &self,
        filter: LiveFilter,
        runtime: &tokio::runtime::Handle,
    ) -> LiveStatuses {
        self.listener.start(runtime);
        self.live.listen(filter, runtime)
    }

    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    pub(crate) fn application_name(&self) -> &str {
        &self.application_name
    }

    /// Begins a transaction on one of the connections for whatever is neither commit nor lease.
    pub(crate) async fn write(&self) -> Result<Writing> {
        Writing::begin(self.writers()?.others.acquire().await?).await
    }

    async fn write_commit(&self) -> Result<Writing> {
        let connection = self.writers()?.commits.acquire().await?;
        self.past.check()?;
        Writing::begin(connection).await
    }

    /// For a replay: on the others' connections, under the rules of a commit.
    async fn write_replay(&self) -> Result<Writing> {
        let connection = self.writers()?.others.acquire().await?;
        self.past.check()?;
        Writing::begin(connection).await
    }

    async fn write_lease(&self) -> Result<Writing> {
        Writing::begin(self.writers()?.leases.acquire().await?).await
    }

    fn writers(&self) -> Result<&Writers> {
        self.writers
            .as_ref()
            .ok_or_else(|| Fault::defect("the store was opened for reading only"))
    }
}

/// The server's time, within a transaction.
async fn now(connection: &mut PgConnection) -> Result<Timestamp> {
    let now: OffsetDateTime = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(connection)
        .await?;
    Ok(now.into())
}
