//! Retention of the outbox: delivered events are deleted in chunks, their deliveries with them.

use rollcall_model::Timestamp;

use super::Database;
use crate::fault::Result;

/// Events that one transaction deletes: nobody waits long for it.
const CHUNK_ROWS: i64 = 5_000;

/// Deletes the events that were made before `before` and that nobody waits for. Nodes that do it
/// at the same time share the work.
pub(crate) async fn expire(database: &Database, before: Timestamp) -> Result<u64> {
    let mut removed = 0;
    loop {
        match chunk(database, before).await? {
            0 => return Ok(removed),
            deleted => removed += deleted,
        }
    }
}

/// The rows are locked first and judged again by the second statement: what is sent again is locked
/// too, so that it is either seen there or finds the event gone.
async fn chunk(database: &Database, before: Timestamp) -> Result<u64> {
    let mut writing = database.write().await?;
    let expired: Vec<String> = sqlx::query_scalar(
        "SELECT event_id FROM outbox_events AS e
         WHERE created_at < $1
           AND NOT EXISTS (
               SELECT 1 FROM outbox_deliveries AS d JOIN event_sinks AS s ON s.name = d.sink
               WHERE d.event_id = e.event_id AND d.state <> 'sent')
         LIMIT $2 FOR UPDATE OF e SKIP LOCKED",
    )
    .bind(before.to_offset())
    .bind(CHUNK_ROWS)
    .fetch_all(writing.connection())
    .await?;
    if expired.is_empty() {
        writing.roll_back().await?;
        return Ok(0);
    }
    let deleted: Vec<String> = sqlx::query_scalar(
        "DELETE FROM outbox_events AS e
         WHERE event_id = ANY($1)
           AND NOT EXISTS (
               SELECT 1 FROM outbox_deliveries AS d JOIN event_sinks AS s ON s.name = d.sink
               WHERE d.event_id = e.event_id AND d.state <> 'sent')
         RETURNING event_id",
    )
    .bind(expired)
    .fetch_all(writing.connection())
    .await?;
    // No foreign key does it: migration 15.
    sqlx::query("DELETE FROM outbox_deliveries WHERE event_id = ANY($1)")
        .bind(&deleted)
        .execute(writing.connection())
        .await?;
    sqlx::query(
        "INSERT INTO outbox_retention AS r (only_row, removed_before) VALUES (1, $1)
         ON CONFLICT (only_row) DO UPDATE
         SET removed_before = greatest(r.removed_before, excluded.removed_before)",
    )
    .bind(before.to_offset())
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(deleted.len() as u64)
}
