//! Opening: the sessions' settings, the pools, the schema.
//!
//! | setting of a session | value | why |
//! |---|---|---|
//! | `application_name` | `rollcall/<incarnation>` | a claim of an expired lease ends the sessions of that name |
//! | `lock_timeout` | `busy_timeout` | a lock that is not given up is an unavailable database |
//! | `idle_in_transaction_session_timeout` | 2/5 of the lease's time to live | a stopped node gives up its locks before its lease is out |
//! | `transaction_timeout` (writers, from 17 on) | the lease's time to live | so does one that dribbles |
//! | `tcp_user_timeout`, `tcp_keepalives_*` | the time to live | so does one whose machine is gone |
//! | `plan_cache_mode` (readers) | `force_custom_plan` | a search for what few have wants another plan than one for what all have |
//! | `jit` | off | compiling costs more than any statement here takes |

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{SqlxPostgresConnector, TransactionTrait as _};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};

use super::days::Days;
use super::live_feed::LiveFeed;
use super::nodelay::send_at_once;
use super::past::{self, PastKeeper};
use super::wakes::Listener;
use super::{Database, Writers};
use crate::fault::{Fault, Result};
use crate::{Config, schema};

/// Callers queue for a connection: this much longer than a statement may wait for a lock.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// Renewals and claims are few and short; one may wait for a lock while the other goes on.
const LEASE_CONNECTIONS: u32 = 2;
/// Provisioning by several owner actors, the relay, the API's changes.
const OTHER_CONNECTIONS: u32 = 4;
/// `transaction_timeout` came with it.
const VERSION_17: i32 = 170_000;
/// Of migrations, which must not run twice at once: "roll" in ASCII, and a number of ours.
const MIGRATION_LOCK: i64 = 0x726f_6c6c_0001;

/// The settings of every session of a store, by what it is for.
struct Sessions {
    options: PgConnectOptions,
    server_version: i32,
    lock_timeout: Duration,
    lease_ttl: Duration,
}

impl Database {
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let sessions = Sessions::of(config).await?;
        bring_up_to_date(&sessions, config.migrate).await?;
        let past = Arc::new(PastKeeper::default());
        let writers = Writers {
            commits: lasting_pool(&sessions, config, config.writers.max(1), &past),
            leases: lasting_pool(&sessions, config, LEASE_CONNECTIONS, &past),
            others: lasting_pool(&sessions, config, OTHER_CONNECTIONS, &past),
        };
        Ok(Self::assemble(Some(writers), past, &sessions, config))
    }

    pub(crate) async fn open_read_only(config: &Config) -> Result<Self> {
        let sessions = Sessions::of(config).await?;
        let database = Self::assemble(None, Arc::default(), &sessions, config);
        schema::check(database.reading()).await?;
        Ok(database)
    }

    /// The schema alone: nothing is checked and nothing migrated by opening.
    pub(crate) async fn take_back(config: &Config, steps: u32) -> Result<()> {
        let sessions = Sessions::of(config).await?;
        let transaction = alone(&sessions).await?;
        schema::take_back(&transaction, steps).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn migrations(config: &Config) -> Result<Vec<schema::MigrationRow>> {
        let sessions = Sessions::of(config).await?;
        let readers = pool(sessions.reading(), config, 1);
        schema::status(&SqlxPostgresConnector::from_sqlx_postgres_pool(readers)).await
    }

    fn assemble(
        writers: Option<Writers>,
        past: Arc<PastKeeper>,
        sessions: &Sessions,
        config: &Config,
    ) -> Self {
        let readers = pool(sessions.reading(), config, config.readers.max(1));
        let live = LiveFeed::new(writers.as_ref().map(|writers| writers.others.clone()));
        Self {
            writers,
            reading: SqlxPostgresConnector::from_sqlx_postgres_pool(readers.clone()),
            readers,
            days: Days::default(),
            listener: Listener::new(pool(sessions.reading(), config, 1), live.parts()),
            past,
            application_name: config.application_name.clone(),
            live,
            pending_statuses: config.pending_statuses,
        }
    }
}

impl Sessions {
    /// Connects once, to learn the server's version: a setting that a server does not know refuses
    /// the session.
    async fn of(config: &Config) -> Result<Self> {
        let options = PgConnectOptions::from_str(&config.url).map_err(Fault::defect)?;
        let options = options.application_name(&config.application_name);
        let mut connection = PgConnection::connect_with(&options).await?;
        let server_version =
            sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
                .fetch_one(&mut connection)
                .await?;
        connection.close().await?;
        Ok(Self {
            options,
            server_version,
            lock_timeout: config.busy_timeout,
            lease_ttl: config.lease_ttl,
        })
    }

    fn writing(&self) -> PgConnectOptions {
        let options = self.bounded().options([lock_timeout(self.lock_timeout)]);
        if self.server_version < VERSION_17 {
            return options;
        }
        options.options([("transaction_timeout", millis(self.lease_ttl))])
    }

    fn reading(&self) -> PgConnectOptions {
        let read_only = ("default_transaction_read_only", "on".to_owned());
        let plans = ("plan_cache_mode", "force_custom_plan".to_owned());
        self.bounded()
            .options([lock_timeout(self.lock_timeout), read_only, plans])
    }

    /// What every session has in common.
    fn bounded(&self) -> PgConnectOptions {
        let seconds = (self.lease_ttl.as_secs() / 4).max(1).to_string();
        self.options.clone().options([
            (
                "idle_in_transaction_session_timeout",
                millis(self.lease_ttl * 2 / 5),
            ),
            ("tcp_user_timeout", millis(self.lease_ttl)),
            ("tcp_keepalives_idle", seconds.clone()),
            ("tcp_keepalives_interval", seconds),
            ("tcp_keepalives_count", "3".to_owned()),
            ("jit", "off".to_owned()),
        ])
    }
}

fn lock_timeout(timeout: Duration) -> (&'static str, String) {
    ("lock_timeout", millis(timeout))
}

/// Without a unit PostgreSQL takes these settings in milliseconds; 0 would mean no limit.
fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}

fn pool(options: PgConnectOptions, config: &Config, connections: u32) -> PgPool {
    pool_options(config, connections).connect_lazy_with(options)
}

/// Its connections live as long as the store: their prepared statements are worth keeping. They
/// are tested as they come back, not as they go out, which would cost a round trip. Each is asked
/// when it is opened whether it leads to the database that the process knows.
fn lasting_pool(
    sessions: &Sessions,
    config: &Config,
    connections: u32,
    past: &Arc<PastKeeper>,
) -> PgPool {
    let past = Arc::clone(past);
    let port = sessions.options.get_port();
    pool_options(config, connections)
        .after_connect(move |connection, _| {
            let past = Arc::clone(&past);
            send_at_once(port);
            Box::pin(async move {
                let known = past.known();
                let (found, _) = past::look(connection).await?;
                past.compare(known.as_ref(), &found);
                Ok(())
            })
        })
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(sessions.writing())
}

fn pool_options(config: &Config, connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.busy_timeout + QUEUE_TIMEOUT)
}

async fn bring_up_to_date(sessions: &Sessions, migrate: bool) -> Result<()> {
    if !migrate {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(sessions.bounded());
        return schema::check(&SqlxPostgresConnector::from_sqlx_postgres_pool(pool)).await;
    }
    let transaction = alone(sessions).await?;
    schema::migrate(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// A transaction under the lock of migrations: of two nodes that migrate at once the second waits,
/// however long it takes, and finds it done.
async fn alone(sessions: &Sessions) -> Result<sea_orm::DatabaseTransaction> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(sessions.bounded());
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let transaction = connection.begin().await?;
    let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
    sea_orm::ConnectionTrait::execute_unprepared(&transaction, &lock).await?;
    Ok(transaction)
}
