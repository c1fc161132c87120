//! The outbox: events beside the rows that they announce, and a delivery per event and sink.
//!
//! Of several nodes one sends to a sink, so that the events of a subject keep their order: whoever
//! has the sink's row in `outbox_relays`, for as long as it keeps asking. Asking is what renews it;
//! a node that is gone is succeeded when its time is over, one that stops in order gives it up. One
//! that was only paused may then send what its successor sends too, under the same ids.

use std::time::Duration;

use rollcall_model::{SubOwnerId, Timestamp};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use time::OffsetDateTime;
use uuid::Uuid;

use super::wakes::notify;
use super::{Database, now};
use crate::fault::{Fault, Result};
use crate::outbox::{Announcement, SINK_IS_GONE, Settled};
use crate::wakes::Wake;
use crate::{Delivery, DeliveryOutcome, SinkRegistration, column};

/// How long a sink stays with a relay that no longer asks. A relay asks every second or so.
const TENURE: Duration = Duration::from_secs(15);

/// Enters the events, in their order, and makes them due at every registered sink that takes their
/// type.
pub(super) async fn announce(
    connection: &mut PgConnection,
    announcements: &[Announcement<'_>],
) -> Result<()> {
    let (mut ids, mut types, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
    let (mut owners, mut sub_owners) = (Vec::new(), Vec::new());
    let (mut payloads, mut times) = (Vec::new(), Vec::new());
    for announced in announcements {
        ids.push(announced.event.event_id.to_string());
        types.push(announced.event.event_type.as_str());
        subjects.push(announced.event.subject.as_str());
        owners.push(announced.owner_id.as_str());
        sub_owners.push(announced.sub_owner_id.map(SubOwnerId::as_str));
        payloads.push(announced.event.payload.as_str());
        times.push(announced.event.created_at.to_offset());
    }
    sqlx::query(
        "WITH sinks AS MATERIALIZED (
             SELECT name, types = '[]' AS takes_all, types::jsonb AS types FROM event_sinks),
         events AS (
             INSERT INTO outbox_events
                 (event_id, type, subject, owner_id, sub_owner_id, payload, created_at)
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                                  $6::text[], $7::timestamptz[])
             RETURNING event_id, type, subject, ordinal)
         INSERT INTO outbox_deliveries (event_id, sink, subject, ordinal, state)
         SELECT e.event_id, s.name, e.subject, e.ordinal, 'pending'
         FROM events AS e JOIN sinks AS s ON s.takes_all OR s.types ? e.type",
    )
    .bind(ids)
    .bind(types)
    .bind(subjects)
    .bind(owners)
    .bind(sub_owners)
    .bind(payloads)
    .bind(times)
    .execute(&mut *connection)
    .await?;
    notify(connection, Wake::Outbox).await
}

pub(crate) async fn register(database: &Database, sinks: &[SinkRegistration]) -> Result<()> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    // Whoever announces has read the table by then and is waited for: no event is made due at a
    // sink that is gone.
    sqlx::query("LOCK TABLE event_sinks IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM event_sinks")
        .execute(&mut *connection)
        .await?;
    for sink in sinks {
        sqlx::query("INSERT INTO event_sinks (name, types) VALUES ($1, $2)")
            .bind(&sink.name)
            .bind(column::to_json(&sink.types)?)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "UPDATE outbox_deliveries
         SET state = 'parked', not_before = NULL, last_error = $1
         WHERE state = 'pending' AND sink NOT IN (SELECT name FROM event_sinks)",
    )
    .bind(SINK_IS_GONE)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE outbox_deliveries SET state = 'pending', last_error = NULL
         WHERE state = 'parked' AND last_error = $1 AND sink IN (SELECT name FROM event_sinks)",
    )
    .bind(SINK_IS_GONE)
    .execute(connection)
    .await?;
    writing.commit().await
}

pub(crate) async fn due(database: &Database, sink: &str, limit: usize) -> Result<Vec<Delivery>> {
    if !takes_turn(database, sink).await? {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, String, String, String, OffsetDateTime, i64)> = sqlx::query_as(
        "SELECT e.event_id, e.type, e.subject, e.payload, e.created_at, d.attempts
         FROM outbox_deliveries AS d JOIN outbox_events AS e USING (event_id)
         WHERE d.sink = $1 AND d.state = 'pending'
           AND (d.not_before IS NULL OR d.not_before <= clock_timestamp())
           AND NOT EXISTS (
               SELECT 1 FROM outbox_deliveries AS older
               WHERE older.sink = d.sink AND older.subject = d.subject
                 AND older.state = 'pending' AND older.ordinal < d.ordinal)
         ORDER BY d.ordinal LIMIT $2",
    )
    .bind(sink)
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
                    created_at: created_at.into(),
                    attempts: u32::try_from(attempts).map_err(Fault::defect)?,
                })
            },
        )
        .collect()
}

/// Whether this node sends to the sink. Only what has used up a third of its time is renewed, so
/// that not every look at an empty outbox is a write.
async fn takes_turn(database: &Database, sink: &str) -> Result<bool> {
    let relay = database.application_name();
    let fresh: Option<bool> = sqlx::query_scalar(
        "SELECT relay = $2 AND expires_at > clock_timestamp() + $3
         FROM outbox_relays WHERE sink = $1",
    )
    .bind(sink)
    .bind(relay)
    .bind(interval(TENURE * 2 / 3)?)
    .fetch_optional(database.readers())
    .await?;
    if fresh == Some(true) {
        return Ok(true);
    }
    let mut writing = database.write().await?;
    let taken = sqlx::query(
        "INSERT INTO outbox_relays AS r (sink, relay, expires_at)
         VALUES ($1, $2, clock_timestamp() + $3)
         ON CONFLICT (sink) DO UPDATE SET relay = excluded.relay, expires_at = excluded.expires_at
         WHERE r.relay = excluded.relay OR r.expires_at <= clock_timestamp()",
    )
    .bind(sink)
    .bind(relay)
    .bind(interval(TENURE)?)
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(taken.rows_affected() == 1)
}

/// Gives the sink up, and tells the other nodes.
pub(crate) async fn release(database: &Database, sink: &str) -> Result<()> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    sqlx::query("DELETE FROM outbox_relays WHERE sink = $1 AND relay = $2")
        .bind(sink)
        .bind(database.application_name())
        .execute(&mut *connection)
        .await?;
    notify(connection, Wake::Outbox).await?;
    writing.commit().await
}

fn interval(duration: Duration) -> Result<PgInterval> {
    PgInterval::try_from(duration).map_err(Fault::defect)
}

pub(crate) async fn settle(
    database: &Database,
    sink: &str,
    outcomes: &[(Uuid, DeliveryOutcome)],
) -> Result<()> {
    let mut writing = database.write().await?;
    let now = now(writing.connection()).await?;
    let rows = SettledRows::of(outcomes, now);
    // Locked by key first: of two nodes that settle the same ones neither waits in a circle.
    sqlx::query(
        "WITH pending AS MATERIALIZED (
             SELECT event_id FROM outbox_deliveries
             WHERE event_id = ANY($1) AND sink = $7 AND state = 'pending'
             ORDER BY event_id FOR UPDATE)
         UPDATE outbox_deliveries AS d
         SET state = u.state, attempts = d.attempts + u.failed_tries, not_before = u.not_before,
             sent_at = u.sent_at, last_error = coalesce(u.error, d.last_error)
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[],
                     $6::text[]) AS u (event_id, state, failed_tries, not_before, sent_at, error)
              JOIN pending USING (event_id)
         WHERE d.event_id = u.event_id AND d.sink = $7 AND d.state = 'pending'",
    )
    .bind(rows.event_ids)
    .bind(rows.states)
    .bind(rows.failed_tries)
    .bind(rows.not_before)
    .bind(rows.sent_at)
    .bind(rows.errors)
    .bind(sink)
    .execute(writing.connection())
    .await?;
    writing.commit().await
}

/// The outcomes by column.
#[derive(Default)]
struct SettledRows<'o> {
    event_ids: Vec<String>,
    states: Vec<&'static str>,
    failed_tries: Vec<i64>,
    not_before: Vec<Option<OffsetDateTime>>,
    sent_at: Vec<Option<OffsetDateTime>>,
    errors: Vec<Option<&'o str>>,
}

impl<'o> SettledRows<'o> {
    fn of(outcomes: &'o [(Uuid, DeliveryOutcome)], now: Timestamp) -> Self {
        let mut rows = Self::default();
        for (event_id, outcome) in outcomes {
            let settled = Settled::of(outcome, now);
            rows.event_ids.push(event_id.to_string());
            rows.states.push(settled.state);
            rows.failed_tries.push(settled.failed_tries);
            rows.not_before
                .push(settled.not_before.map(Timestamp::to_offset));
            rows.sent_at.push(settled.sent_at.map(Timestamp::to_offset));
            rows.errors.push(settled.error);
        }
        rows
    }
}
