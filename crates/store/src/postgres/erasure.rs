//! Erasure on PostgreSQL.

use rollcall_model::OwnerId;

use super::Database;
use super::retention::note_removed;
use crate::erasure::CHUNK_ROWS;
use crate::fault::Result;

pub(crate) async fn erase(database: &Database, owner_id: &OwnerId) -> Result<u64> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    // Nothing is stored of a deleted owner, and nobody restores it until this is over.
    let deleted: Option<String> = sqlx::query_scalar(
        "SELECT owner_id FROM owners WHERE owner_id = $1 AND state = 'deleted' FOR SHARE",
    )
    .bind(owner_id.as_str())
    .fetch_optional(&mut *connection)
    .await?;
    if deleted.is_none() {
        writing.roll_back().await?;
        return Ok(0);
    }
    let counts: Vec<(i64, i64, i64)> = sqlx::query_as(
        "WITH next AS (
             SELECT sub_owner_id, enqueued_at, stream_id, partition_id, sequence_number
             FROM statuses WHERE owner_id = $1
             ORDER BY owner_id, sub_owner_id, enqueued_at LIMIT $2),
         gone AS (
             DELETE FROM statuses AS s USING next AS n
             WHERE s.owner_id = $1 AND s.sub_owner_id = n.sub_owner_id
               AND s.enqueued_at = n.enqueued_at AND s.stream_id = n.stream_id
               AND s.partition_id = n.partition_id AND s.sequence_number = n.sequence_number
             RETURNING s.stream_id, s.partition_id)
         SELECT stream_id, partition_id, count(*) FROM gone GROUP BY 1, 2 ORDER BY 1, 2",
    )
    .bind(owner_id.as_str())
    .bind(CHUNK_ROWS)
    .fetch_all(&mut *connection)
    .await?;
    let erased: i64 = counts.iter().map(|(_, _, rows)| rows).sum();
    if erased < CHUNK_ROWS {
        sqlx::query("DELETE FROM latest_statuses WHERE owner_id = $1")
            .bind(owner_id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    for (stream_id, partition_id, rows) in &counts {
        note_removed(connection, *stream_id, *partition_id, *rows).await?;
    }
    writing.commit().await?;
    Ok(erased.unsigned_abs())
}
