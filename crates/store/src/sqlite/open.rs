//! Opening: the file, the pools, the schema.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::Clock;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, SqlxSqliteConnector,
    TransactionOptions, TransactionTrait as _,
};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::checkpoint::Checkpointer;
use super::{Database, Writer};
use crate::fault::{Fault, Result};
use crate::live::Live;
use crate::wakes::Signals;
use crate::{Config, schema};

/// Callers queue for the one writer: this much longer than a statement may wait for a lock.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of 4 KiB in the log (250 MiB) from which on the writer copies it by itself: only if the
/// checkpointer, which begins much sooner, cannot.
const LOG_PAGES: &str = "64000";
/// Page cache of a connection in KiB (negative: KiB and not pages).
const WRITER_CACHE_KIB: &str = "-65536";
const READER_CACHE_KIB: &str = "-8192";

impl Database {
    pub(crate) async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self> {
        let options = options(config)?;
        create_parent(options.get_filename())?;
        let pool = writer(options.clone(), config).await?;
        bring_up_to_date(&pool, config.migrate).await?;
        let copier = copier(options.clone(), config).await?;
        let checkpointer = Checkpointer::start(copier, pool.clone());
        let writer = Writer { pool, checkpointer };
        Self::assemble(Some(writer), options, config, clock).await
    }

    pub(crate) async fn open_read_only(config: &Config, clock: Arc<dyn Clock>) -> Result<Self> {
        let database = Self::assemble(None, options(config)?, config, clock).await?;
        schema::check(database.reading()).await?;
        Ok(database)
    }

    /// The schema alone: nothing is checked and nothing migrated by opening.
    pub(crate) async fn take_back(config: &Config, steps: u32) -> Result<()> {
        let writer = writer(options(config)?, config).await?;
        let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
        let transaction = immediate(&connection).await?;
        schema::take_back(&transaction, steps).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn migrations(config: &Config) -> Result<Vec<schema::MigrationRow>> {
        let readers = readers(options(config)?, config).await?;
        schema::status(&SqlxSqliteConnector::from_sqlx_sqlite_pool(readers)).await
    }

    async fn assemble(
        writer: Option<Writer>,
        options: SqliteConnectOptions,
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let readers = readers(options, config).await?;
        Ok(Self {
            writer,
            reading: SqlxSqliteConnector::from_sqlx_sqlite_pool(readers.clone()),
            readers,
            clock,
            signals: Signals::new(),
            live: Live::default(),
            pending_statuses: config.pending_statuses,
        })
    }
}

fn options(config: &Config) -> Result<SqliteConnectOptions> {
    if config.url.contains(":memory:") || config.url.contains("mode=memory") {
        return Err(Fault::defect(
            "a database in memory would forget the roll: name a file, sqlite://path",
        ));
    }
    let options = SqliteConnectOptions::from_str(&config.url).map_err(Fault::defect)?;
    if options.get_filename().as_os_str().is_empty() {
        return Err(Fault::defect("the URL names no file: sqlite://path"));
    }
    Ok(options
        .busy_timeout(config.busy_timeout)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("temp_store", "memory"))
}

fn create_parent(file: &Path) -> Result<()> {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            std::fs::create_dir_all(parent).map_err(|error| sqlx::Error::Io(error).into())
        }
        _ => Ok(()),
    }
}

/// The one connection that writes. It lives as long as the store: its prepared statements are
/// worth keeping.
async fn writer(options: SqliteConnectOptions, config: &Config) -> Result<SqlitePool> {
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("cache_size", WRITER_CACHE_KIB);
    one(options, config).await
}

/// The checkpointer's connection: it writes into the database, but nothing of its own.
async fn copier(options: SqliteConnectOptions, config: &Config) -> Result<SqlitePool> {
    one(options.pragma("wal_autocheckpoint", "0"), config).await
}

async fn one(options: SqliteConnectOptions, config: &Config) -> Result<SqlitePool> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(config.busy_timeout + QUEUE_TIMEOUT)
        .connect_with(options)
        .await?;
    Ok(pool)
}

async fn readers(options: SqliteConnectOptions, config: &Config) -> Result<SqlitePool> {
    let options = options
        .read_only(true)
        .create_if_missing(false)
        .pragma("cache_size", READER_CACHE_KIB);
    let pool = SqlitePoolOptions::new()
        .max_connections(config.readers.max(1))
        .acquire_timeout(config.busy_timeout + QUEUE_TIMEOUT)
        .connect_with(options)
        .await?;
    Ok(pool)
}

async fn bring_up_to_date(writer: &SqlitePool, migrate: bool) -> Result<()> {
    let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer.clone());
    if !migrate {
        return schema::check(&connection).await;
    }
    let transaction = immediate(&connection).await?;
    schema::migrate(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Of two processes that migrate at once the second waits and finds it done.
async fn immediate(connection: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(connection.begin_with_options(options).await?)
}
