//! The outbox: events beside the rows that they announce, and a delivery per event and sink.

use rollcall_model::SubOwnerId;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::Database;
use super::bulk::{Insert, insert};
use crate::fault::{Fault, Result};
use crate::outbox::{Announcement, SINK_IS_GONE, Settled};
use crate::{Delivery, DeliveryOutcome, SinkRegistration, column};

const EVENTS: Insert = Insert {
    head: "INSERT INTO outbox_events
               (event_id, type, subject, owner_id, sub_owner_id, payload, created_at) VALUES",
    columns: 7,
    tail: "",
};

/// Enters the events, in their order, and makes them due at every registered sink that takes their
/// type.
pub(super) async fn announce(
    connection: &mut SqliteConnection,
    announcements: &[Announcement<'_>],
) -> Result<()> {
    let before: i64 = sqlx::query_scalar("SELECT coalesce(max(ordinal), 0) FROM outbox_events")
        .fetch_one(&mut *connection)
        .await?;
    insert(connection, &EVENTS, announcements, |values, announced| {
        let event = &announced.event;
        values.add(event.event_id.to_string())?;
        values.add(event.event_type.as_str())?;
        values.add(event.subject.as_str())?;
        values.add(announced.owner_id.as_str())?;
        values.add(announced.sub_owner_id.map(SubOwnerId::as_str))?;
        values.add(event.payload.as_str())?;
        values.add(event.created_at.to_text().as_str())
    })
    .await?;
    sqlx::query(
        "INSERT INTO outbox_deliveries (event_id, sink, subject, ordinal, state)
         SELECT e.event_id, s.name, e.subject, e.ordinal, 'pending'
         FROM outbox_events AS e CROSS JOIN event_sinks AS s
         WHERE e.ordinal > ?
           AND (s.types = '[]' OR e.type IN (SELECT value FROM json_each(s.types)))",
    )
    .bind(before)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn register(database: &Database, sinks: &[SinkRegistration]) -> Result<()> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    sqlx::query("DELETE FROM event_sinks")
        .execute(&mut *connection)
        .await?;
    for sink in sinks {
        sqlx::query("INSERT INTO event_sinks (name, types) VALUES (?, ?)")
            .bind(&sink.name)
            .bind(column::to_json(&sink.types)?)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "UPDATE outbox_deliveries
         SET state = 'parked', not_before = NULL, last_error = ?
         WHERE state = 'pending' AND sink NOT IN (SELECT name FROM event_sinks)",
    )
    .bind(SINK_IS_GONE)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE outbox_deliveries SET state = 'pending', last_error = NULL
         WHERE state = 'parked' AND last_error = ? AND sink IN (SELECT name FROM event_sinks)",
    )
    .bind(SINK_IS_GONE)
    .execute(connection)
    .await?;
    writing.commit().await
}

pub(crate) async fn due(database: &Database, sink: &str, limit: usize) -> Result<Vec<Delivery>> {
    let rows: Vec<(String, String, String, String, String, i64)> = sqlx::query_as(
        "SELECT e.event_id, e.type, e.subject, e.payload, e.created_at, d.attempts
         FROM outbox_deliveries AS d JOIN outbox_events AS e USING (event_id)
         WHERE d.sink = ?1 AND d.state = 'pending'
           AND (d.not_before IS NULL OR d.not_before <= ?2)
           AND NOT EXISTS (
               SELECT 1 FROM outbox_deliveries AS older
               WHERE older.sink = d.sink AND older.subject = d.subject
                 AND older.state = 'pending' AND older.ordinal < d.ordinal)
         ORDER BY d.ordinal LIMIT ?3",
    )
    .bind(sink)
    .bind(database.now().to_string())
    .bind(i64::try_from(limit).map_err(Fault::defect)?)
    .fetch_all(database.readers())
    .await?;
    rows.into_iter()
        .map(
            |(event_id, event_type, subject, payload, created_at, attempts)| {
                Ok(Delivery {
                    event_id: column::uuid("event_id", &event_id)?,
                    event_type,
                    subject,
                    payload,
                    created_at: column::timestamp("created_at", &created_at)?,
                    attempts: u32::try_from(attempts).map_err(Fault::defect)?,
                })
            },
        )
        .collect()
}

pub(crate) async fn settle(
    database: &Database,
    sink: &str,
    outcomes: &[(Uuid, DeliveryOutcome)],
) -> Result<()> {
    let mut writing = database.write().await?;
    let now = database.now();
    for (event_id, outcome) in outcomes {
        let settled = Settled::of(outcome, now);
        sqlx::query(
            "UPDATE outbox_deliveries
             SET state = ?, attempts = attempts + ?, not_before = ?, sent_at = ?,
                 last_error = coalesce(?, last_error)
             WHERE event_id = ? AND sink = ? AND state = 'pending'",
        )
        .bind(settled.state)
        .bind(settled.failed_tries)
        .bind(settled.not_before.map(|at| at.to_string()))
        .bind(settled.sent_at.map(|at| at.to_string()))
        .bind(settled.error)
        .bind(event_id.to_string())
        .bind(sink)
        .execute(writing.connection())
        .await?;
    }
    writing.commit().await
}
