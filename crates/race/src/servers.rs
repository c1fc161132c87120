//! The database and the Redis that the ways run on: private ones if their programs are there,
//! otherwise whatever the caller names, or none.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use rollcall_test_servers::{Postgres, Redis};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::place::Place;
use crate::topic::Publisher;

/// Which database the ways run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// A private PostgreSQL if its programs are there, otherwise SQLite.
    Auto,
    Sqlite,
    /// A server on which databases may be created; they are dropped in the end.
    Postgres(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisChoice {
    /// A private one if its program is there.
    Auto,
    LeaveOut,
    /// Its keys begin with `rollcall-race:` and are deleted in the end.
    At(String),
}

/// As in earnest, which the tests' servers are not by themselves.
const DURABLE: [(&str, &str); 2] = [("fsync", "on"), ("full_page_writes", "on")];

enum Database {
    /// Held only to live as long as the race.
    Private(#[expect(dead_code, reason = "dropped, it stops")] Postgres),
    Elsewhere,
    Files(PathBuf),
}

pub(crate) struct Servers {
    /// Of every database's name and every key.
    run: String,
    database: Database,
    postgres_url: Option<String>,
    redis_url: Option<String>,
    private_redis: Option<Redis>,
    /// Why there is no PostgreSQL, or no Redis.
    pub(crate) no_postgres: Option<String>,
    pub(crate) no_redis: Option<String>,
}

impl Servers {
    pub(crate) async fn start(
        database: &DatabaseChoice,
        redis: &RedisChoice,
        dir: &Path,
    ) -> Result<Self> {
        let mut servers = Self {
            // PostgreSQL cuts names off after 63 characters.
            run: Uuid::new_v4().simple().to_string().split_off(20),
            database: Database::Files(dir.to_owned()),
            postgres_url: None,
            redis_url: None,
            private_redis: None,
            no_postgres: None,
            no_redis: None,
        };
        servers.take_database(database).await?;
        servers.take_redis(redis).await?;
        Ok(servers)
    }

    async fn take_database(&mut self, choice: &DatabaseChoice) -> Result<()> {
        match choice {
            DatabaseChoice::Sqlite => {
                self.no_postgres = Some("it needs PostgreSQL, and SQLite was asked for".to_owned());
            }
            DatabaseChoice::Postgres(url) => {
                let options = PgConnectOptions::from_str(url).context("the URL of PostgreSQL")?;
                let connection = options.connect().await;
                let connection = connection.context("cannot connect to PostgreSQL")?;
                connection.close().await?;
                self.database = Database::Elsewhere;
                self.postgres_url = Some(url.clone());
            }
            DatabaseChoice::Auto => match spawn_blocking(|| Postgres::start_apart(&DURABLE)).await?
            {
                Ok(server) => {
                    self.postgres_url = Some(server.url());
                    self.database = Database::Private(server);
                }
                Err(error) => {
                    self.no_postgres = Some(format!("it needs PostgreSQL: {error:#}"));
                }
            },
        }
        Ok(())
    }

    async fn take_redis(&mut self, choice: &RedisChoice) -> Result<()> {
        match choice {
            RedisChoice::LeaveOut => {
                self.no_redis = Some("it needs Redis, which was to be left out".to_owned());
            }
            RedisChoice::At(url) => {
                let client = redis::Client::open(url.as_str()).context("the URL of Redis")?;
                let connection = client.get_multiplexed_async_connection().await;
                connection.context("cannot connect to Redis")?;
                self.redis_url = Some(url.clone());
            }
            RedisChoice::Auto => match spawn_blocking(Redis::start).await? {
                Ok(server) => {
                    self.redis_url = Some(server.url());
                    self.private_redis = Some(server);
                }
                Err(error) => self.no_redis = Some(format!("it needs Redis: {error:#}")),
            },
        }
        Ok(())
    }

    pub(crate) fn database_name(&self) -> &'static str {
        match self.database {
            Database::Private(_) | Database::Elsewhere => "PostgreSQL",
            Database::Files(_) => "SQLite",
        }
    }

    pub(crate) fn is_shared_by_nodes(&self) -> bool {
        self.postgres_url.is_some()
    }

    /// An empty place for a way.
    pub(crate) async fn place(&self, name: &str, publisher: Publisher) -> Result<Place> {
        let redis = self.redis_url.clone();
        Ok(Place {
            database_url: self.new_database(name).await?,
            redis: redis.map(|url| (url, format!("{}{name}:", self.key_prefix()))),
            publisher,
        })
    }

    async fn new_database(&self, name: &str) -> Result<String> {
        let Database::Files(dir) = &self.database else {
            let database = format!("{}{name}", self.database_prefix());
            let create = AssertSqlSafe(format!("CREATE DATABASE {database}"));
            let mut connection = self.connect().await?;
            let created = sqlx::raw_sql(create).execute(&mut connection).await;
            created.context("cannot create a database: the user needs the right CREATEDB")?;
            connection.close().await?;
            return Ok(self
                .options()?
                .database(&database)
                .to_url_lossy()
                .to_string());
        };
        Ok(format!(
            "sqlite://{}",
            dir.join(format!("{name}.db")).display()
        ))
    }

    /// Removes what the race has left on servers of others. Private ones go by themselves.
    pub(crate) async fn clear(&self) -> Result<()> {
        if matches!(self.database, Database::Elsewhere) {
            let mut connection = self.connect().await?;
            let like = format!("{}%", self.database_prefix());
            let names = sqlx::query_scalar("SELECT datname FROM pg_database WHERE datname LIKE $1");
            let names: Vec<String> = names.bind(like).fetch_all(&mut connection).await?;
            for name in names {
                let drop = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
                sqlx::raw_sql(drop).execute(&mut connection).await?;
            }
            connection.close().await?;
        }
        match (&self.redis_url, &self.private_redis) {
            (Some(url), None) => self.clear_redis(url).await,
            _ => Ok(()),
        }
    }

    async fn clear_redis(&self, url: &str) -> Result<()> {
        let client = redis::Client::open(url)?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(format!("{}*", self.key_prefix()));
            scan.arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<String>) = scan.query_async(&mut connection).await?;
            if !keys.is_empty() {
                let mut delete = redis::cmd("DEL");
                delete.arg(keys);
                delete.query_async::<()>(&mut connection).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    fn database_prefix(&self) -> String {
        format!("rollcall_race_{}_", self.run)
    }

    fn key_prefix(&self) -> String {
        format!("rollcall-race:{}:", self.run)
    }

    fn options(&self) -> Result<PgConnectOptions> {
        let url = self.postgres_url.as_deref().context("no PostgreSQL")?;
        Ok(PgConnectOptions::from_str(url)?)
    }

    async fn connect(&self) -> Result<PgConnection> {
        Ok(self.options()?.connect().await?)
    }
}
