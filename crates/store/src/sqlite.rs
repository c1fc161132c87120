//! SQLite: one connection that writes, a pool that reads, hand-tuned SQL for each transaction.
//!
//! Invariants:
//! - every writing transaction begins with `BEGIN IMMEDIATE` ([`writing::Writing`]), so that what
//!   it reads cannot change before it writes;
//! - the journal is a write-ahead log, `synchronous = NORMAL`: a killed process loses nothing; a
//!   power failure may lose the last transactions, each as a whole, so that data and checkpoint
//!   go back together and the hub's events are read again;
//! - the log is copied into the database beside the writer ([`checkpoint`]);
//! - time is the injected clock's: on one machine it is the database's.

pub(crate) mod access;
mod blocks;
mod bulk;
pub(crate) mod changes;
mod checkpoint;
pub(crate) mod commit;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod erasure;
mod error;
#[cfg(test)]
mod full_disk;
pub(crate) mod held;
pub(crate) mod lease;
mod open;
pub(crate) mod outbox;
pub(crate) mod outbox_retention;
pub(crate) mod owners;
pub(crate) mod pending;
pub(crate) mod provision;
pub(crate) mod recalibration;
pub(crate) mod replay;
pub(crate) mod resend;
pub(crate) mod retention;
mod rows;
pub(crate) mod stream;
mod writing;

use std::sync::Arc;

use rollcall_model::{Clock, Timestamp};
use sea_orm::DatabaseConnection;
use sqlx::SqlitePool;

use crate::PendingStatuses;
use crate::fault::{Fault, Result};
use crate::live::Live;
use crate::wakes::Signals;
use checkpoint::Checkpointer;
use writing::Writing;

pub(crate) use error::classify;

/// An open SQLite database.
pub(crate) struct Database {
    /// None where the store was opened for reading.
    writer: Option<Writer>,
    readers: SqlitePool,
    /// The readers once more, for sea-orm.
    reading: DatabaseConnection,
    clock: Arc<dyn Clock>,
    signals: Signals,
    live: Live,
    pending_statuses: PendingStatuses,
}

/// The one connection that writes, and who copies what it wrote.
struct Writer {
    pool: SqlitePool,
    checkpointer: Checkpointer,
}

impl Database {
    pub(crate) fn reading(&self) -> &DatabaseConnection {
        &self.reading
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// What this process tells itself after its commits.
    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Who listens to what this process commits.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits for the writer and begins a transaction.
    pub(crate) async fn write(&self) -> Result<Writing> {
        let writer = self
            .writer
            .as_ref()
            .ok_or_else(|| Fault::defect("the store was opened for reading only"))?;
        Writing::begin(writer.pool.acquire().await?, writer.checkpointer.bell()).await
    }
}
