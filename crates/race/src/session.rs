//! A consumer's one connection to its database, PostgreSQL or SQLite, with the same SQL for both.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};

/// How long a statement waits while another consumer writes into the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A value of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(i64),
}

pub(crate) enum Session {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// The statement with its values, sent by the given method.
macro_rules! send {
    ($session:expr, $sql:expr, $values:expr, $method:ident) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                Value::Text(text) => query.bind((*text).to_owned()),
                Value::Number(number) => query.bind(*number),
            };
        }
        query.$method($session).await
    }};
}

impl Session {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if is_sqlite(url) {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT);
            let connection = options.connect().await;
            return Ok(Self::Sqlite(connection.context("cannot open SQLite")?));
        }
        let connection = PgConnectOptions::from_str(url)?.connect().await;
        Ok(Self::Postgres(
            connection.context("cannot connect to PostgreSQL")?,
        ))
    }

    /// Only to look, at a database that others have made.
    pub(crate) async fn watch(url: &str) -> Result<Self> {
        if !is_sqlite(url) {
            return Self::open(url).await;
        }
        let options = SqliteConnectOptions::from_str(url)?;
        let connection = options
            .read_only(true)
            .busy_timeout(BUSY_TIMEOUT)
            .connect()
            .await;
        Ok(Self::Sqlite(connection.context("cannot read SQLite")?))
    }

    pub(crate) async fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<()> {
        match self {
            Self::Postgres(connection) => {
                send!(connection, sql, values, execute)?;
            }
            Self::Sqlite(connection) => {
                send!(connection, sql, values, execute)?;
            }
        }
        Ok(())
    }

    /// The number in the first column of the first row.
    pub(crate) async fn number(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<i64>> {
        use sqlx::Row as _;
        Ok(match self {
            Self::Postgres(connection) => {
                let row = send!(connection, sql, values, fetch_optional)?;
                row.map(|row| row.try_get(0)).transpose()?
            }
            Self::Sqlite(connection) => {
                let row = send!(connection, sql, values, fetch_optional)?;
                row.map(|row| row.try_get(0)).transpose()?
            }
        })
    }

    pub(crate) async fn numbers(&mut self, sql: &'static str) -> Result<Vec<(i64, i64)>> {
        Ok(match self {
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
        })
    }

    pub(crate) async fn events(&mut self, sql: &'static str) -> Result<Vec<(i64, String, String)>> {
        Ok(match self {
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
        })
    }

    /// Takes the lock at once on SQLite, where a read that becomes a write is refused.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        match self {
            Self::Postgres(_) => self.run("BEGIN", &[]).await,
            Self::Sqlite(_) => self.run("BEGIN IMMEDIATE", &[]).await,
        }
    }

    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.run("COMMIT", &[]).await
    }

    /// Several statements in the words of either database: `{key}` is a key that counts by itself.
    pub(crate) async fn prepare(&mut self, statements: &str) -> Result<()> {
        match self {
            Self::Postgres(connection) => {
                let key = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
                let sql = AssertSqlSafe(statements.replace("{key}", key));
                sqlx::raw_sql(sql).execute(connection).await?;
            }
            Self::Sqlite(connection) => {
                let sql = AssertSqlSafe(statements.replace("{key}", "INTEGER PRIMARY KEY"));
                sqlx::raw_sql(sql).execute(connection).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::Postgres(connection) => connection.close().await?,
            Self::Sqlite(connection) => connection.close().await?,
        }
        Ok(())
    }
}

pub(crate) fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}
