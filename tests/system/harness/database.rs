//! The database as anybody can read it: plain SQL on a connection of its own.
//!
//! The statements are written once. Where the databases differ (`{integer …}`, `{time …}`), each
//! has its way to say the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, FromRow};

use super::tables::{DeadRow, Held, PartitionRow, StatusRow, Tables};

const STATUS_COLUMNS: &str = "owner_id, sub_owner_id, stream_id, {integer partition_id}, \
                              sequence_number, {time enqueued_at}, {time status_at}, data, value, \
                              version";
const PARTITION_COLUMNS: &str = "stream_id, {integer partition_id}, node, {time expires_at}, \
                                 coalesce(first_sequence_number, 0) AS first, \
                                 coalesce(sequence_number, coalesce(first_sequence_number, 0) - 1) \
                                 AS checkpoint, stored, held, dead, dropped";
const PLACE_COLUMNS: &str = "stream_id, {integer partition_id}, sequence_number";
/// Up to its condition, which may go on.
const DEAD_COLUMNS: &str = "stream_id, {integer partition_id}, sequence_number, reason, detail, \
                            body FROM dead_letters WHERE state <> 'replayed'";

/// Rows that either database gives.
pub(crate) trait FromEither:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> FromEither for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A database of a node, running or not.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A URL.
    Postgres(String),
}

/// One moment of it.
enum Reading {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Database {
    pub(crate) fn at(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }

    /// The file of a SQLite database.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Sqlite(path) => path,
            Self::Postgres(url) => panic!("{url} is no file"),
        }
    }

    /// The single number that the statement asks for.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let mut reading = self.reading().await.unwrap();
        let rows: Vec<(i64,)> = reading.rows(sql).await.unwrap();
        reading.end().await;
        rows[0].0
    }

    /// The rows that the statement asks for.
    pub(crate) async fn rows<T: FromEither>(&self, sql: &str) -> Vec<T> {
        let mut reading = self.reading().await.unwrap();
        let rows = reading.rows(sql).await.unwrap();
        reading.end().await;
        rows
    }

    /// The states of a sink's deliveries.
    pub(crate) async fn deliveries(&self, sink: &str) -> Vec<String> {
        assert!(!sink.contains('\''), "no name of a sink");
        let sql = format!("SELECT state FROM outbox_deliveries WHERE sink = '{sink}'");
        let rows: Vec<(String,)> = self.rows(&sql).await;
        rows.into_iter().map(|(state,)| state).collect()
    }

    /// How many statuses the checkpoints account for.
    pub(crate) async fn stored(&self) -> i64 {
        let sql = "SELECT {integer coalesce(sum(stored), 0) AS stored} FROM partitions";
        let rows = self.rows_so_far(sql).await;
        rows.first().map_or(0, |(stored,): &(i64,)| *stored)
    }

    /// Leases, checkpoints and totals of every partition.
    pub(crate) async fn partitions(&self) -> Vec<PartitionRow> {
        let sql = format!("SELECT {PARTITION_COLUMNS} FROM partitions ORDER BY 1, 2");
        self.rows(&sql).await
    }

    /// The statuses beyond a number of each partition, by their place.
    pub(crate) async fn statuses_beyond(&self, numbers: &BTreeMap<i64, i64>) -> Vec<StatusRow> {
        let beyond = beyond(numbers);
        let sql = format!("SELECT {STATUS_COLUMNS} FROM statuses WHERE {beyond} ORDER BY 4, 5");
        self.rows(&sql).await
    }

    /// As [`Self::statuses_beyond`], of dead letters that nobody has replayed.
    pub(crate) async fn dead_beyond(&self, numbers: &BTreeMap<i64, i64>) -> Vec<DeadRow> {
        let beyond = beyond(numbers);
        let sql = format!("SELECT {DEAD_COLUMNS} AND {beyond} ORDER BY 2, 3");
        self.rows(&sql).await
    }

    /// The newest status of each sub-owner.
    pub(crate) async fn latest(&self) -> Vec<StatusRow> {
        let sql = format!("SELECT {STATUS_COLUMNS} FROM latest_statuses");
        self.rows(&sql).await
    }

    /// The checkpoints of the newest stream.
    pub(crate) async fn checkpoints(&self) -> BTreeMap<i64, i64> {
        let sql = "SELECT {integer partition_id}, sequence_number FROM partitions
                   WHERE sequence_number >= first_sequence_number
                   AND stream_id = (SELECT max(stream_id) FROM streams)";
        self.rows_so_far(sql).await.into_iter().collect()
    }

    /// Ids of the streams, oldest first.
    pub(crate) async fn streams(&self) -> Vec<i64> {
        let rows = self
            .rows_so_far("SELECT stream_id FROM streams ORDER BY generation")
            .await;
        rows.into_iter().map(|(stream_id,)| stream_id).collect()
    }

    /// Rows, of which there are none before a node has made the database and its tables.
    async fn rows_so_far<T: FromEither>(&self, sql: &str) -> Vec<T> {
        let Ok(mut reading) = self.reading().await else {
            return Vec::new();
        };
        let rows = reading.rows(sql).await.unwrap_or_default();
        reading.end().await;
        rows
    }

    /// All tables in one transaction, so that they are of the same moment.
    pub(crate) async fn read(&self) -> Tables {
        let mut reading = self.reading().await.unwrap();
        let tables = reading.tables().await.unwrap();
        reading.end().await;
        tables
    }

    async fn reading(&self) -> sqlx::Result<Reading> {
        let (mut reading, begin) = match self {
            Self::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).read_only(true);
                (Reading::Sqlite(options.connect().await?), "BEGIN")
            }
            Self::Postgres(url) => {
                let connection = PgConnection::connect(url).await?;
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                (Reading::Postgres(connection), begin)
            }
        };
        match &mut reading {
            Reading::Sqlite(connection) => {
                connection.execute(begin).await?;
            }
            Reading::Postgres(connection) => {
                connection.execute(begin).await?;
            }
        }
        Ok(reading)
    }
}

impl Reading {
    async fn rows<T: FromEither>(&mut self, sql: &str) -> sqlx::Result<Vec<T>> {
        match self {
            Self::Sqlite(connection) => {
                let sql = AssertSqlSafe(said(sql, sqlite));
                sqlx::query_as(sql).fetch_all(connection).await
            }
            Self::Postgres(connection) => {
                let sql = AssertSqlSafe(said(sql, postgres));
                sqlx::query_as(sql).fetch_all(connection).await
            }
        }
    }

    async fn tables(&mut self) -> sqlx::Result<Tables> {
        let statuses = |table| format!("SELECT {STATUS_COLUMNS} FROM {table}");
        let partitions = format!("SELECT {PARTITION_COLUMNS} FROM partitions");
        let held = format!("SELECT {PLACE_COLUMNS} FROM held_statuses");
        let dead = format!("SELECT {DEAD_COLUMNS}");
        let gaps = "SELECT stream_id, {integer partition_id}, after_sequence_number,
                    upto_sequence_number FROM gaps";
        let owners: Vec<(String, String)> =
            self.rows("SELECT owner_id, created_by FROM owners").await?;
        let held: Vec<Held> = self.rows(&held).await?;
        Ok(Tables {
            partitions: self.rows(&partitions).await?,
            statuses: self.rows(&statuses("statuses")).await?,
            latest: self.rows(&statuses("latest_statuses")).await?,
            held: held
                .into_iter()
                .map(|held| (held.stream_id, held.place))
                .collect(),
            dead: self.rows(&dead).await?,
            gaps: self.rows(gaps).await?,
            owners: owners.into_iter().collect(),
            sub_owners: self
                .rows("SELECT owner_id, sub_owner_id FROM sub_owners")
                .await?,
            announced: self.rows("SELECT type, subject FROM outbox_events").await?,
        })
    }

    /// A server that has gone away meanwhile has answered already.
    async fn end(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.ok(),
            Self::Postgres(connection) => connection.close().await.ok(),
        };
    }
}

/// The condition that a row lies beyond the number that its partition has.
fn beyond(numbers: &BTreeMap<i64, i64>) -> String {
    let pairs = numbers.iter().map(|(partition, number)| {
        format!("(partition_id = {partition} AND sequence_number > {number})")
    });
    format!("({})", pairs.collect::<Vec<_>>().join(" OR "))
}

/// The statement with each `{kind expression}` as one database says it. The column has the name
/// behind `AS`, or the expression's own.
fn said(sql: &str, say: fn(&str, &str) -> String) -> String {
    let mut parts = sql.split('{');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once('}').unwrap();
        let (kind, column) = inner.split_once(' ').unwrap();
        let (expression, name) = column.split_once(" AS ").unwrap_or((column, column));
        text += &format!("{} AS {name}{rest}", say(kind, expression));
    }
    text
}

fn sqlite(_: &str, expression: &str) -> String {
    expression.to_owned()
}

/// Integers of 64 bits, and times as the program writes them.
fn postgres(kind: &str, expression: &str) -> String {
    match kind {
        "integer" => format!("({expression})::bigint"),
        "time" => {
            let format = "YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"";
            format!("to_char({expression} AT TIME ZONE 'UTC', '{format}')")
        }
        other => panic!("no kind of column: {other}"),
    }
}
