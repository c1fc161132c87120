//! Makes events due again that were sent or given up.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::Database;
use crate::fault::Result;
use crate::wakes::Wake;
use crate::{ResendMode, Resent};

pub(crate) async fn event(
    database: &Database,
    event_id: Uuid,
    sink: Option<&str>,
) -> Result<Resent> {
    let mut writing = database.write().await?;
    if let Some(sink) = sink
        && !is_registered(writing.connection(), sink).await?
    {
        writing.roll_back().await?;
        return Ok(Resent::NoSink);
    }
    let event_id = event_id.to_string();
    let known: Option<i64> =
        sqlx::query_scalar("SELECT ordinal FROM outbox_events WHERE event_id = ?")
            .bind(&event_id)
            .fetch_optional(writing.connection())
            .await?;
    if known.is_none() {
        writing.roll_back().await?;
        return Ok(Resent::NoEvent);
    }
    // A sink that is named gets it whatever types it takes.
    let due = sqlx::query(
        "INSERT INTO outbox_deliveries (event_id, sink, subject, ordinal, state)
         SELECT e.event_id, s.name, e.subject, e.ordinal, 'pending'
         FROM outbox_events AS e CROSS JOIN event_sinks AS s
         WHERE e.event_id = ?1
           AND CASE WHEN ?2 IS NULL
                    THEN s.types = '[]' OR e.type IN (SELECT value FROM json_each(s.types))
                         OR EXISTS (SELECT 1 FROM outbox_deliveries AS d
                                    WHERE d.event_id = e.event_id AND d.sink = s.name)
                    ELSE s.name = ?2 END
         ON CONFLICT (event_id, sink) DO UPDATE
         SET state = 'pending', attempts = 0, not_before = NULL, sent_at = NULL, last_error = NULL",
    )
    .bind(&event_id)
    .bind(sink)
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    database.signals().wake(Wake::Outbox);
    Ok(Resent::Due(due.rows_affected()))
}

pub(crate) async fn parked(
    database: &Database,
    sink: Option<&str>,
    mode: ResendMode,
) -> Result<Resent> {
    let mut writing = database.write().await?;
    if let Some(sink) = sink
        && !is_registered(writing.connection(), sink).await?
    {
        writing.roll_back().await?;
        return Ok(Resent::NoSink);
    }
    let due = sqlx::query(
        "UPDATE outbox_deliveries
         SET state = 'pending', attempts = 0, not_before = NULL, last_error = NULL
         WHERE state = 'parked' AND sink IN (SELECT name FROM event_sinks)
           AND (?1 IS NULL OR sink = ?1)",
    )
    .bind(sink)
    .execute(writing.connection())
    .await?;
    match mode {
        ResendMode::Resend => {
            writing.commit().await?;
            database.signals().wake(Wake::Outbox);
        }
        ResendMode::DryRun => writing.roll_back().await?,
    }
    Ok(Resent::Due(due.rows_affected()))
}

async fn is_registered(connection: &mut SqliteConnection, sink: &str) -> Result<bool> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM event_sinks WHERE name = ?")
        .bind(sink)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}
