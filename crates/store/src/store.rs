//! The handle: opening, and the frame in which every transaction runs.
//!
//! Invariants:
//! - a transaction runs on the runtime that opened the store, to its end, whatever becomes of its
//!   caller;
//! - it is counted, timed and retried under its name, and a failed one is told to the health.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use rollcall_model::{Clock, SystemClock, Timestamp};
use tokio::runtime;
use tracing::Instrument as _;

use crate::fault::{self, Fault};
use crate::health::HealthKeeper;
use crate::metrics::Metrics;
use crate::provision::entry::Races;
use crate::{Error, Health, Kind, MigrationRow, PendingStatuses, postgres, sqlite};

/// How often a transaction that lost a conflict is run before its caller hears of it.
const CONFLICT_TRIES: u32 = 4;

/// Where the data is and how many connections may be open to it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `sqlite://path` (or `sqlite::memory:` is refused) or `postgres://…`.
    pub url: String,
    /// Bring the schema up to date at [`Store::open`]; otherwise an old schema is refused.
    pub migrate: bool,
    /// How long a statement may wait for a lock held by somebody else.
    pub busy_timeout: Duration,
    /// Connections for reading.
    pub readers: u32,
    /// Connections for commits on PostgreSQL; SQLite has one that writes.
    pub writers: u32,
    /// How PostgreSQL names the sessions: [`crate::application_name`] for a node.
    pub application_name: String,
    /// What becomes of the statuses of pending owners.
    pub pending_statuses: PendingStatuses,
    /// How long a lease lasts: what a stopped process holds on PostgreSQL is given up before.
    pub lease_ttl: Duration,
}

impl Config {
    /// The database at `url`, brought up to date, with a few connections and leases of 15 s.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            migrate: true,
            busy_timeout: Duration::from_secs(5),
            readers: 4,
            writers: 1,
            application_name: "rollcall".to_owned(),
            pending_statuses: PendingStatuses::default(),
            lease_ttl: Duration::from_secs(15),
        }
    }
}

/// The database. Clones are cheap and share the pools.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Arc<Backend>,
    /// Carries all I/O, so that no socket lives on an actor's thread.
    runtime: runtime::Handle,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    health: HealthKeeper,
}

/// The databases that the methods are written for.
pub(crate) enum Backend {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

/// A transaction's name and what it is about.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Also the label in metrics: one of the methods' names.
    pub(crate) name: &'static str,
    pub(crate) about: String,
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Operation {
    pub(crate) fn read(name: &'static str, about: impl Into<String>) -> Self {
        Self {
            name,
            about: about.into(),
            access: Access::Read,
        }
    }

    pub(crate) fn write(name: &'static str, about: impl Into<String>) -> Self {
        Self {
            name,
            about: about.into(),
            access: Access::Write,
        }
    }

    fn error(&self, fault: Fault) -> Error {
        let verb = self.name.replace('_', " ");
        Error {
            operation: format!("{verb} {}", self.about).trim_end().to_owned(),
            kind: fault.kind,
            source: Some(fault.source),
        }
    }
}

impl Store {
    /// Opens the database on the current tokio runtime, which carries all its I/O from then on.
    ///
    /// # Errors
    /// [`Kind::Schema`] if the schema is newer, or older and `migrate` is off; [`Kind::Defect`] if
    /// the URL is not usable; [`Kind::Unavailable`] if the database cannot be opened.
    pub async fn open(config: Config) -> Result<Self, Error> {
        Self::open_with_clock(config, Arc::new(SystemClock)).await
    }

    /// As [`Store::open`]; on SQLite, whose clock is the machine's, `clock` stands for it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with_clock(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let operation = Operation::write("open", redacted(&config.url));
        let backend = Backend::open(&config, Arc::clone(&clock)).await;
        Self::assemble(backend, clock).map_err(|fault| operation.error(fault))
    }

    /// For the reading commands beside a running node: never writes, never migrates.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_read_only(config: Config) -> Result<Self, Error> {
        let operation = Operation::read("open", redacted(&config.url));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let backend = Backend::open_read_only(&config, Arc::clone(&clock)).await;
        Self::assemble(backend, clock).map_err(|fault| operation.error(fault))
    }

    /// The migrations of the schema and whether the database has them. Never writes.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if the database cannot be opened.
    pub async fn migrations(config: Config) -> Result<Vec<MigrationRow>, Error> {
        let operation = Operation::read("migrations", redacted(&config.url));
        let rows = Backend::migrations(&config).await;
        rows.map_err(|fault| operation.error(fault))
    }

    /// Takes the last `steps` migrations back, with the data in their tables.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn migrate_down(config: Config, steps: u32) -> Result<(), Error> {
        let operation = Operation::write("migrate_down", redacted(&config.url));
        let done = Backend::migrate_down(&config, steps).await;
        done.map_err(|fault| operation.error(fault))
    }

    fn assemble(backend: fault::Result<Backend>, clock: Arc<dyn Clock>) -> fault::Result<Self> {
        let shared = Shared {
            backend: Arc::new(backend?),
            runtime: runtime::Handle::current(),
            clock,
            metrics: Metrics::new(),
            health: HealthKeeper::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Whether the writing transactions get through, each by its name, and if not, why and since
    /// when.
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health.current()
    }

    /// Whether several nodes may use the database at once. SQLite's lock keeps others away.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match &*self.shared.backend {
            Backend::Sqlite(_) => false,
            Backend::Postgres(_) => true,
        }
    }

    /// Counts, retries and durations by the transaction's name, and the health.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.shared.metrics.register(registry);
    }

    pub(crate) fn count_races(&self, races: Races) {
        self.shared.metrics.raced(races);
    }

    pub(crate) fn runtime(&self) -> &runtime::Handle {
        &self.shared.runtime
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.shared.backend
    }

    /// Runs `work` on the store's runtime, under the operation's name.
    pub(crate) async fn call<T, Work, Answer>(
        &self,
        operation: Operation,
        work: Work,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        Work: Fn(Arc<Backend>) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = fault::Result<T>> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let run = async move { shared.run(&operation, work).await };
        match self.shared.runtime.spawn(run.in_current_span()).await {
            Ok(answer) => answer,
            // A panic is the caller's, as if the transaction had run within it.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(Error {
                operation: "run a transaction: the store's runtime is shutting down".to_owned(),
                kind: Kind::Unavailable,
                source: Some(error.into()),
            }),
        }
    }
}

impl Shared {
    async fn run<T, Work, Answer>(&self, operation: &Operation, work: Work) -> Result<T, Error>
    where
        Work: Fn(Arc<Backend>) -> Answer,
        Answer: Future<Output = fault::Result<T>>,
    {
        let started = Instant::now();
        let mut answer = work(Arc::clone(&self.backend)).await;
        for _ in 1..CONFLICT_TRIES {
            if !matches!(&answer, Err(fault) if fault.conflict) {
                break;
            }
            self.metrics.retried(operation.name);
            answer = work(Arc::clone(&self.backend)).await;
        }
        self.metrics.called(operation.name, started.elapsed());
        self.note(operation, answer.as_ref().err());
        answer.map_err(|fault| operation.error(fault))
    }

    /// Counts a failure and keeps the health.
    fn note(&self, operation: &Operation, fault: Option<&Fault>) {
        if let Some(fault) = fault {
            self.metrics.failed(operation.name, fault.kind);
        }
        if operation.access == Access::Read {
            return;
        }
        match fault {
            None => self.health.succeeded(operation.name, self.clock.now()),
            Some(fault) if hinders_writing(fault.kind) => {
                self.health
                    .failed(operation.name, self.clock.now(), fault.chain());
            }
            // The database answered: it is not the writing that fails.
            Some(_) => return,
        }
        self.metrics.writable(self.health.current().fault.is_none());
    }
}

fn hinders_writing(kind: Kind) -> bool {
    match kind {
        Kind::Unavailable | Kind::Unknown | Kind::Schema => true,
        Kind::RefusedData | Kind::BadCursor | Kind::Defect => false,
    }
}

impl Backend {
    async fn open(config: &Config, clock: Arc<dyn Clock>) -> fault::Result<Self> {
        Ok(match Scheme::of(&config.url)? {
            Scheme::Sqlite => Self::Sqlite(sqlite::Database::open(config, clock).await?),
            Scheme::Postgres => Self::Postgres(postgres::Database::open(config).await?),
        })
    }

    async fn open_read_only(config: &Config, clock: Arc<dyn Clock>) -> fault::Result<Self> {
        Ok(match Scheme::of(&config.url)? {
            Scheme::Sqlite => Self::Sqlite(sqlite::Database::open_read_only(config, clock).await?),
            Scheme::Postgres => Self::Postgres(postgres::Database::open_read_only(config).await?),
        })
    }

    async fn migrations(config: &Config) -> fault::Result<Vec<MigrationRow>> {
        match Scheme::of(&config.url)? {
            Scheme::Sqlite => sqlite::Database::migrations(config).await,
            Scheme::Postgres => postgres::Database::migrations(config).await,
        }
    }

    async fn migrate_down(config: &Config, steps: u32) -> fault::Result<()> {
        match Scheme::of(&config.url)? {
            Scheme::Sqlite => sqlite::Database::take_back(config, steps).await,
            Scheme::Postgres => postgres::Database::take_back(config, steps).await,
        }
    }

    /// The connections for reading, as sea-orm sees them.
    pub(crate) fn reading(&self) -> &sea_orm::DatabaseConnection {
        match self {
            Self::Sqlite(database) => database.reading(),
            Self::Postgres(database) => database.reading(),
        }
    }

    /// The database's time: PostgreSQL asks the server.
    pub(crate) async fn now(&self) -> fault::Result<Timestamp> {
        match self {
            Self::Sqlite(database) => Ok(database.now()),
            Self::Postgres(database) => database.now().await,
        }
    }
}

/// Which database a URL means.
enum Scheme {
    Sqlite,
    Postgres,
}

impl Scheme {
    fn of(url: &str) -> fault::Result<Self> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(Fault::defect(
                "the URL begins neither with sqlite:// nor with postgres://",
            )),
        }
    }
}

/// The URL without user, password and parameters.
fn redacted(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) if scheme != "sqlite" => {
            format!("{scheme}://…@{host}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_text_holds_no_password() {
        assert_eq!(
            redacted("postgres://rollcall:secret@db:5432/roll?password=secret"),
            "postgres://…@db:5432/roll"
        );
        assert_eq!(
            redacted("sqlite://a@b/roll.db?mode=rwc"),
            "sqlite://a@b/roll.db"
        );
    }
}
