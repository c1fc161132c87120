//! Makes events due again that were sent or given up.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Database;
use super::wakes::notify;
use crate::fault::Result;
use crate::wakes::Wake;
use crate::{ResendMode, Resent};

pub(crate) async fn event(
    database: &Database,
    event_id: Uuid,
    sink: Option<&str>,
) -> Result<Resent> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    if let Some(sink) = sink
        && !is_registered(connection, sink).await?
    {
        writing.roll_back().await?;
        return Ok(Resent::NoSink);
    }
    let event_id = event_id.to_string();
    // Retention waits for whoever holds the row, or has removed it.
    let known: Option<i64> =
        sqlx::query_scalar("SELECT ordinal FROM outbox_events WHERE event_id = $1 FOR SHARE")
            .bind(&event_id)
            .fetch_optional(&mut *connection)
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
         WHERE e.event_id = $1
           AND CASE WHEN $2::text IS NULL
                    THEN s.types = '[]' OR s.types::jsonb ? e.type
                         OR EXISTS (SELECT 1 FROM outbox_deliveries AS d
                                    WHERE d.event_id = e.event_id AND d.sink = s.name)
                    ELSE s.name = $2 END
         ORDER BY s.name
         ON CONFLICT (event_id, sink) DO UPDATE
         SET state = 'pending', attempts = 0, not_before = NULL, sent_at = NULL, last_error = NULL",
    )
    .bind(&event_id)
    .bind(sink)
    .execute(&mut *connection)
    .await?;
    notify(connection, Wake::Outbox).await?;
    writing.commit().await?;
    Ok(Resent::Due(due.rows_affected()))
}

pub(crate) async fn parked(
    database: &Database,
    sink: Option<&str>,
    mode: ResendMode,
) -> Result<Resent> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    if let Some(sink) = sink
        && !is_registered(connection, sink).await?
    {
        writing.roll_back().await?;
        return Ok(Resent::NoSink);
    }
    // Locked by key first: of two calls neither waits in a circle.
    let due = sqlx::query(
        "WITH parked AS MATERIALIZED (
             SELECT event_id, sink FROM outbox_deliveries
             WHERE state = 'parked' AND sink IN (SELECT name FROM event_sinks)
               AND ($1::text IS NULL OR sink = $1)
             ORDER BY event_id, sink FOR UPDATE)
         UPDATE outbox_deliveries AS d
         SET state = 'pending', attempts = 0, not_before = NULL, last_error = NULL
         FROM parked AS p
         WHERE d.event_id = p.event_id AND d.sink = p.sink AND d.state = 'parked'",
    )
    .bind(sink)
    .execute(&mut *connection)
    .await?;
    match mode {
        ResendMode::Resend => {
            notify(connection, Wake::Outbox).await?;
            writing.commit().await?;
        }
        ResendMode::DryRun => writing.roll_back().await?,
    }
    Ok(Resent::Due(due.rows_affected()))
}

async fn is_registered(connection: &mut PgConnection, sink: &str) -> Result<bool> {
    let found: Option<i32> = sqlx::query_scalar("SELECT 1 FROM event_sinks WHERE name = $1")
        .bind(sink)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}
