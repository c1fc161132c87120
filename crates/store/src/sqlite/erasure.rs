//! Erasure on SQLite.

use rollcall_model::OwnerId;

use super::Database;
use super::retention::note_removed;
use crate::erasure::CHUNK_ROWS;
use crate::fault::Result;

pub(crate) async fn erase(database: &Database, owner_id: &OwnerId) -> Result<u64> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    let gone: Vec<(i64, i64)> = sqlx::query_as(
        "DELETE FROM statuses WHERE rowid IN (
             SELECT s.rowid FROM statuses AS s JOIN owners AS o USING (owner_id)
             WHERE owner_id = ? AND o.state = 'deleted' LIMIT ?)
         RETURNING stream_id, partition_id",
    )
    .bind(owner_id.as_str())
    .bind(CHUNK_ROWS)
    .fetch_all(&mut *connection)
    .await?;
    let erased = note_removed(connection, gone).await?;
    sqlx::query(
        "DELETE FROM latest_statuses WHERE owner_id = ?1
           AND EXISTS (SELECT 1 FROM owners WHERE owner_id = ?1 AND state = 'deleted')
           AND NOT EXISTS (SELECT 1 FROM statuses WHERE owner_id = ?1)",
    )
    .bind(owner_id.as_str())
    .execute(connection)
    .await?;
    writing.commit().await?;
    Ok(erased)
}
