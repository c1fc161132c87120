//! The tables' rows, read with plain SQL from either database (`database.rs`).

use std::collections::BTreeMap;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

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

/// Reads a row of either database: their columns have the same names and, by the statements, types.
macro_rules! from_rows {
    ($($row:ty { $($name:ident: $value:expr),* $(,)? } of $from:ident)*) => {$(
        impl FromRow<'_, SqliteRow> for $row {
            fn from_row($from: &SqliteRow) -> sqlx::Result<Self> {
                Ok(Self { $($name: $value),* })
            }
        }

        impl FromRow<'_, PgRow> for $row {
            fn from_row($from: &PgRow) -> sqlx::Result<Self> {
                Ok(Self { $($name: $value),* })
            }
        }
    )*};
}

/// Stream and place of a held status.
pub(super) struct Held {
    pub(super) stream_id: i64,
    pub(super) place: Place,
}

from_rows! {
    Held {
        stream_id: row.try_get("stream_id")?,
        place: (row.try_get("partition_id")?, row.try_get("sequence_number")?),
    } of row

    StatusRow {
        owner_id: row.try_get("owner_id")?,
        sub_owner_id: row.try_get("sub_owner_id")?,
        stream_id: row.try_get("stream_id")?,
        place: (row.try_get("partition_id")?, row.try_get("sequence_number")?),
        enqueued_at: row.try_get("enqueued_at")?,
        status_at: row.try_get("status_at")?,
        data: row.try_get("data")?,
        value: row.try_get("value")?,
        version: row.try_get("version")?,
    } of row

    DeadRow {
        stream_id: row.try_get("stream_id")?,
        place: (row.try_get("partition_id")?, row.try_get("sequence_number")?),
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
        body: row.try_get("body")?,
    } of row

    // A partition that was claimed and has not begun accounts for nothing: `first` is 0 then and
    // the checkpoint one below it, by the statement.
    PartitionRow {
        stream_id: row.try_get("stream_id")?,
        partition_id: row.try_get("partition_id")?,
        node: row.try_get("node")?,
        expires_at: row.try_get("expires_at")?,
        first: row.try_get("first")?,
        checkpoint: row.try_get("checkpoint")?,
        stored: row.try_get("stored")?,
        held: row.try_get("held")?,
        dead: row.try_get("dead")?,
        dropped: serde_json::from_str(row.try_get("dropped")?).unwrap(),
    } of row

    GapRow {
        stream_id: row.try_get("stream_id")?,
        partition_id: row.try_get("partition_id")?,
        after: row.try_get("after_sequence_number")?,
        upto: row.try_get("upto_sequence_number")?,
    } of row
}
