//! Retention of the outbox: delivered events are deleted in chunks, their deliveries with them.

use rollcall_model::Timestamp;

use super::Database;
use crate::column;
use crate::fault::Result;

/// Events that one transaction deletes: commits wait for it no longer than for each other.
const CHUNK_ROWS: i64 = 2_000;

/// Deletes the events that were made before `before` and that nobody waits for.
pub(crate) async fn expire(database: &Database, before: Timestamp) -> Result<u64> {
    let mut removed = 0;
    loop {
        let expired = expired(database, before).await?;
        let deleted = match expired.is_empty() {
            true => 0,
            false => delete(database, before, &expired).await?,
        };
        if deleted == 0 {
            return Ok(removed);
        }
        removed += deleted;
    }
}

/// The next chunk, the oldest first, found beside the writer.
async fn expired(database: &Database, before: Timestamp) -> Result<Vec<String>> {
    let rows = sqlx::query_scalar(
        "SELECT event_id FROM outbox_events AS e
         WHERE created_at < ?
           AND NOT EXISTS (
               SELECT 1 FROM outbox_deliveries AS d JOIN event_sinks AS s ON s.name = d.sink
               WHERE d.event_id = e.event_id AND d.state <> 'sent')
         ORDER BY created_at LIMIT ?",
    )
    .bind(before.to_string())
    .bind(CHUNK_ROWS)
    .fetch_all(database.readers())
    .await?;
    Ok(rows)
}

/// What was sent again meanwhile stays.
async fn delete(database: &Database, before: Timestamp, event_ids: &[String]) -> Result<u64> {
    let mut writing = database.write().await?;
    let deleted = sqlx::query(
        "DELETE FROM outbox_events
         WHERE event_id IN (SELECT value FROM json_each(?))
           AND NOT EXISTS (
               SELECT 1 FROM outbox_deliveries AS d JOIN event_sinks AS s ON s.name = d.sink
               WHERE d.event_id = outbox_events.event_id AND d.state <> 'sent')",
    )
    .bind(column::to_json(event_ids)?)
    .execute(writing.connection())
    .await?;
    sqlx::query(
        "INSERT INTO outbox_retention (only_row, removed_before) VALUES (1, ?1)
         ON CONFLICT (only_row) DO UPDATE SET removed_before = max(removed_before, ?1)",
    )
    .bind(before.to_string())
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(deleted.rows_affected())
}
