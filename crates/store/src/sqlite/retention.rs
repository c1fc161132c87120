//! Retention: old statuses are deleted in chunks, and counted as removed.

use std::collections::BTreeMap;

use rollcall_model::Timestamp;
use sqlx::SqliteConnection;

use super::{Database, blocks};
use crate::column;
use crate::fault::Result;

/// Rows that one transaction deletes: commits wait for it no longer than for each other.
const CHUNK_ROWS: i64 = 5_000;

/// Deletes the statuses that were enqueued before `before`.
pub(crate) async fn expire(database: &Database, before: Timestamp) -> Result<u64> {
    let mut removed = 0;
    loop {
        let expired = expired(database, before).await?;
        if expired.is_empty() {
            return Ok(removed);
        }
        removed += delete(database, &expired, before).await?;
    }
}

/// The next chunk, about the oldest first, found beside the writer.
async fn expired(database: &Database, before: Timestamp) -> Result<Vec<i64>> {
    let rows = sqlx::query_scalar(
        "SELECT s.rowid FROM status_blocks AS b CROSS JOIN statuses AS s
         WHERE b.enqueued_from < ?1 AND s.rowid BETWEEN b.first_rowid AND b.last_rowid
           AND s.enqueued_at < ?1
         ORDER BY b.first_rowid LIMIT ?2",
    )
    .bind(before.to_string())
    .bind(CHUNK_ROWS)
    .fetch_all(database.readers())
    .await?;
    Ok(rows)
}

async fn delete(database: &Database, rows: &[i64], before: Timestamp) -> Result<u64> {
    let mut writing = database.write().await?;
    let deleted: Vec<(i64, i64)> = sqlx::query_as(
        "DELETE FROM statuses WHERE rowid IN (SELECT value FROM json_each(?))
         RETURNING stream_id, partition_id",
    )
    .bind(column::to_json(rows)?)
    .fetch_all(writing.connection())
    .await?;
    let removed = note_removed(writing.connection(), deleted).await?;
    blocks::forget_empty(writing.connection(), before).await?;
    writing.commit().await?;
    Ok(removed)
}

/// Counts the rows, each of which is told by its stream and partition; all of them.
pub(super) async fn note_removed(
    connection: &mut SqliteConnection,
    removed: Vec<(i64, i64)>,
) -> Result<u64> {
    let mut counts: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for key in removed {
        *counts.entry(key).or_default() += 1;
    }
    for ((stream_id, partition_id), rows) in &counts {
        sqlx::query(
            "UPDATE partitions SET removed = removed + ?
             WHERE stream_id = ? AND partition_id = ?",
        )
        .bind(rows)
        .bind(stream_id)
        .bind(partition_id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(counts.values().map(|rows| rows.unsigned_abs()).sum())
}
