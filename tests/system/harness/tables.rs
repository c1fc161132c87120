//! The database as anybody can read it: plain SQL on a read-only connection.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, FromRow, Row};

use super::truth::Place;

/// A row of `statuses` or `latest_statuses`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StatusRow {
    pub(crate) owner_id: String,
    pub(crate) sub_owner_id: String,
    pub(crate) stream_id: i64,
    pub(crate) place: Place,
    pub(crate) enqueued_at: String,
    pub(crate) status_at: String,
    pub(crate) data: String,
    pub(crate) value: Option<f64>,
    pub(crate) version: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct DeadRow {
    pub(crate) stream_id: i64,
    pub(crate) place: Place,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) body: Vec<u8>,
}

/// Lease, checkpoint and durable totals.
#[derive(Debug, Clone)]
pub(crate) struct PartitionRow {
    pub(crate) stream_id: i64,
    pub(crate) partition_id: i64,
    pub(crate) node: Option<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) first: i64,
    /// The last accounted event; one below `first` if there is none yet.
    pub(crate) checkpoint: i64,
    pub(crate) stored: i64,
    pub(crate) held: i64,
    pub(crate) dead: i64,
    pub(crate) dropped: BTreeMap<String, i64>,
}

#[derive(Debug, Clone)]
pub(crate) struct GapRow {
    pub(crate) stream_id: i64,
    pub(crate) partition_id: i64,
    pub(crate) after: i64,
    pub(crate) upto: i64,
}

/// Everything that the ledger looks at, of one moment.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    pub(crate) partitions: Vec<PartitionRow>,
    pub(crate) statuses: Vec<StatusRow>,
    pub(crate) latest: Vec<StatusRow>,
    /// Stream and place.
    pub(crate) held: Vec<(i64, Place)>,
    pub(crate) dead: Vec<DeadRow>,
    pub(crate) gaps: Vec<GapRow>,
    /// Id and who created it.
    pub(crate) owners: BTreeMap<String, String>,
    pub(crate) sub_owners: Vec<(String, String)>,
    /// Type and subject.
    pub(crate) announced: Vec<(String, String)>,
}

const STATUS_COLUMNS: &str = "owner_id, sub_owner_id, stream_id, partition_id, sequence_number, \
                              enqueued_at, status_at, data, value, version";

/// A SQLite file of a node, running or not.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    path: PathBuf,
}

impl Database {
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(true)
    }

    async fn connect(&self) -> SqliteConnection {
        self.options().connect().await.unwrap()
    }

    /// The single number that the statement asks for.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = self.connect().await;
        let number = sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        number
    }

    /// The states of a sink's deliveries.
    pub(crate) async fn deliveries(&self, sink: &str) -> Vec<String> {
        let mut connection = self.connect().await;
        let sql = "SELECT state FROM outbox_deliveries WHERE sink = ?";
        let rows: Vec<(String,)> = sqlx::query_as(sql)
            .bind(sink.to_owned())
            .fetch_all(&mut connection)
            .await
            .unwrap();
        rows.into_iter().map(|(state,)| state).collect()
    }

    /// How many statuses the checkpoints account for.
    pub(crate) async fn stored(&self) -> i64 {
        let rows = self
            .rows_so_far("SELECT coalesce(sum(stored), 0) FROM partitions")
            .await;
        rows.first().map_or(0, |(stored,): &(i64,)| *stored)
    }

    /// The checkpoints of the newest stream.
    pub(crate) async fn checkpoints(&self) -> BTreeMap<i64, i64> {
        let sql = "SELECT partition_id, sequence_number FROM partitions
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
    async fn rows_so_far<T>(&self, sql: &'static str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let Ok(mut connection) = self.options().connect().await else {
            return Vec::new();
        };
        let rows = sqlx::query_as(sql).fetch_all(&mut connection).await;
        rows.unwrap_or_default()
    }

    /// All tables in one transaction, so that they are of the same moment.
    pub(crate) async fn read(&self) -> Tables {
        let mut connection = self.connect().await;
        let mut reading = connection.begin().await.unwrap();
        let c = &mut *reading;
        let tables = Tables {
            partitions: rows(c, "SELECT * FROM partitions").await,
            statuses: rows(c, &format!("SELECT {STATUS_COLUMNS} FROM statuses")).await,
            latest: rows(c, &format!("SELECT {STATUS_COLUMNS} FROM latest_statuses")).await,
            held: rows::<Held>(c, "SELECT * FROM held_statuses")
                .await
                .into_iter()
                .map(|held| held.0)
                .collect(),
            dead: rows(c, "SELECT * FROM dead_letters WHERE state <> 'replayed'").await,
            gaps: rows(c, "SELECT * FROM gaps").await,
            owners: rows::<(String, String)>(c, "SELECT owner_id, created_by FROM owners")
                .await
                .into_iter()
                .collect(),
            sub_owners: rows(c, "SELECT owner_id, sub_owner_id FROM sub_owners").await,
            announced: rows(c, "SELECT type, subject FROM outbox_events").await,
        };
        reading.rollback().await.unwrap();
        connection.close().await.unwrap();
        tables
    }
}

async fn rows<T>(connection: &mut SqliteConnection, sql: &str) -> Vec<T>
where
    T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    sqlx::query_as(sqlx::AssertSqlSafe(sql.to_owned()))
        .fetch_all(connection)
        .await
        .unwrap()
}

fn place(row: &SqliteRow) -> sqlx::Result<Place> {
    Ok((
        row.try_get("partition_id")?,
        row.try_get("sequence_number")?,
    ))
}

/// Stream and place of a held status.
struct Held((i64, Place));

impl FromRow<'_, SqliteRow> for Held {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self((row.try_get("stream_id")?, place(row)?)))
    }
}

impl FromRow<'_, SqliteRow> for StatusRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            owner_id: row.try_get("owner_id")?,
            sub_owner_id: row.try_get("sub_owner_id")?,
            stream_id: row.try_get("stream_id")?,
            place: place(row)?,
            enqueued_at: row.try_get("enqueued_at")?,
            status_at: row.try_get("status_at")?,
            data: row.try_get("data")?,
            value: row.try_get("value")?,
            version: row.try_get("version")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for DeadRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            stream_id: row.try_get("stream_id")?,
            place: place(row)?,
            reason: row.try_get("reason")?,
            detail: row.try_get("detail")?,
            body: row.try_get("body")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for PartitionRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let first: Option<i64> = row.try_get("first_sequence_number")?;
        let checkpoint: Option<i64> = row.try_get("sequence_number")?;
        let dropped: String = row.try_get("dropped")?;
        // A partition that was claimed and has not begun accounts for nothing.
        let first = first.unwrap_or(0);
        Ok(Self {
            stream_id: row.try_get("stream_id")?,
            partition_id: row.try_get("partition_id")?,
            node: row.try_get("node")?,
            expires_at: row.try_get("expires_at")?,
            first,
            checkpoint: checkpoint.unwrap_or(first - 1),
            stored: row.try_get("stored")?,
            held: row.try_get("held")?,
            dead: row.try_get("dead")?,
            dropped: serde_json::from_str(&dropped).unwrap(),
        })
    }
}

impl FromRow<'_, SqliteRow> for GapRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            stream_id: row.try_get("stream_id")?,
            partition_id: row.try_get("partition_id")?,
            after: row.try_get("after_sequence_number")?,
            upto: row.try_get("upto_sequence_number")?,
        })
    }
}
