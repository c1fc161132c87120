//! Leases and nodes.
//!
//! A lease is the row of its partition: epoch, node, incarnation, expiry. The time to live lies in
//! the row as well, so that a commit can extend the lease without being told.

use std::time::Duration;

use rollcall_model::{Epoch, PartitionId, SequenceNumber, StreamId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Database;
use super::stalled::{end_sessions, millis};
use super::wakes::notify;
use crate::fault::Result;
use crate::lease::Held;
use crate::wakes::Wake;
use crate::{Answer, Claim, NodeReport, Observation, Refusal, Tenure, column};

/// A node that gave no sign of life for this long is forgotten.
const NODE_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// Epoch, incarnation, first number and position.
type LeaseColumns = (i64, Option<String>, Option<i64>, Option<i64>);

/// `ids` ascend. Whoever claims takes such a row for a free one.
pub(crate) async fn enlist(database: &Database, stream_id: StreamId, ids: &[i64]) -> Result<()> {
    let mut writing = database.write_lease().await?;
    sqlx::query(
        "INSERT INTO partitions (stream_id, partition_id, epoch, ttl_millis)
         SELECT $1, partition_id, 0, 0 FROM unnest($2::bigint[]) AS known (partition_id)
         ON CONFLICT DO NOTHING",
    )
    .bind(stream_id.0)
    .bind(ids)
    .execute(writing.connection())
    .await?;
    writing.commit().await
}

pub(crate) async fn claim(
    database: &Database,
    stream_id: StreamId,
    partition_id: PartitionId,
    tenure: &Tenure,
) -> Result<Option<Claim>> {
    match holder(database, stream_id, partition_id, tenure.incarnation).await? {
        Holder::Nobody => {}
        // Without a look at the row's lock, which a stopped node may hold until its lease is out.
        Holder::Another => return Ok(None),
        Holder::Expired(incarnation) => {
            end_sessions(database, partition_id, &incarnation).await?;
        }
    }
    let mut writing = database.write_lease().await?;
    // The clock is read again in DO UPDATE: by then the row is locked, and the wait for it over.
    let claimed: Option<(i64, Option<i64>, Option<i64>)> = sqlx::query_as(
        "INSERT INTO partitions AS p
             (stream_id, partition_id, epoch, node, incarnation, expires_at, ttl_millis,
              observed_state, last_node)
         VALUES ($1, $2, floor(extract(epoch FROM clock_timestamp()))::bigint, $3, $4,
                 clock_timestamp() + $5 * interval '1 millisecond', $5, 'reading', $3)
         ON CONFLICT (stream_id, partition_id) DO UPDATE SET
             epoch = greatest(p.epoch + 1,
                              floor(extract(epoch FROM clock_timestamp()))::bigint),
             node = excluded.node, incarnation = excluded.incarnation,
             expires_at = clock_timestamp() + $5 * interval '1 millisecond',
             ttl_millis = excluded.ttl_millis, observed_state = excluded.observed_state,
             observed_fault = NULL, last_node = excluded.node,
             moves = p.moves + (p.last_node <> excluded.node AND p.last_node IS NOT NULL)::int,
             losses = p.losses + (p.incarnation IS DISTINCT FROM excluded.incarnation
                                  AND p.incarnation IS NOT NULL)::int
         WHERE p.incarnation IS NULL OR p.incarnation = excluded.incarnation
            OR p.expires_at IS NULL OR p.expires_at <= clock_timestamp()
         RETURNING epoch, sequence_number, number_epoch",
    )
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .bind(&tenure.node)
    .bind(tenure.incarnation.to_string())
    .bind(millis(tenure.ttl)?)
    .fetch_optional(writing.connection())
    .await?;
    writing.commit().await?;
    let claim = |(epoch, sequence_number, number_epoch): (i64, Option<i64>, Option<i64>)| Claim {
        epoch: Epoch(epoch),
        checkpoint: sequence_number.map(SequenceNumber),
        number_epoch,
    };
    Ok(claimed.map(claim))
}

/// Who has the lease, as seen by somebody else.
enum Holder {
    /// Or the one who asks.
    Nobody,
    Another,
    Expired(String),
}

async fn holder(
    database: &Database,
    stream_id: StreamId,
    partition_id: PartitionId,
    asker: Uuid,
) -> Result<Holder> {
    let held: Option<(String, bool)> = sqlx::query_as(
        "SELECT incarnation, expires_at <= clock_timestamp() FROM partitions
         WHERE stream_id = $1 AND partition_id = $2 AND incarnation <> $3
           AND expires_at IS NOT NULL",
    )
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .bind(asker.to_string())
    .fetch_optional(&database.writers()?.leases)
    .await?;
    Ok(match held {
        None => Holder::Nobody,
        Some((_, false)) => Holder::Another,
        Some((incarnation, true)) => Holder::Expired(incarnation),
    })
}

pub(crate) async fn begin(
    database: &Database,
    held: Held,
    first: SequenceNumber,
    number_epoch: Option<i64>,
) -> Result<Answer> {
    let mut writing = database.write_lease().await?;
    let answer = match begun(writing.connection(), held).await? {
        Err(refusal) => Answer::Refused(refusal),
        Ok(None) => {
            set_first(writing.connection(), held, first, number_epoch).await?;
            writing.commit().await?;
            return Ok(Answer::Committed);
        }
        Ok(Some((begun, _))) if begun == first => Answer::Committed,
        Ok(Some((_, stored))) => Answer::Refused(Refusal::Misplaced {
            stored: Some(stored),
        }),
    };
    writing.roll_back().await?;
    Ok(answer)
}

/// The first number and the position, if they are set and the lease is held. The row is locked
/// from then on.
async fn begun(
    connection: &mut PgConnection,
    held: Held,
) -> Result<std::result::Result<Option<(SequenceNumber, SequenceNumber)>, Refusal>> {
    let row: Option<LeaseColumns> = sqlx::query_as(
        "SELECT epoch, incarnation, first_sequence_number, sequence_number
         FROM partitions WHERE stream_id = $1 AND partition_id = $2 FOR NO KEY UPDATE",
    )
    .bind(held.stream_id.0)
    .bind(i64::from(held.partition_id.0))
    .fetch_optional(connection)
    .await?;
    let (epoch, incarnation, first, stored) = row.unwrap_or_default();
    if epoch != held.epoch.0 || incarnation != Some(held.incarnation.to_string()) {
        let epoch = Epoch(epoch);
        return Ok(Err(Refusal::StaleEpoch { epoch }));
    }
    Ok(Ok(first.zip(stored).map(|(first, stored)| {
        (SequenceNumber(first), SequenceNumber(stored))
    })))
}

async fn set_first(
    connection: &mut PgConnection,
    held: Held,
    first: SequenceNumber,
    number_epoch: Option<i64>,
) -> Result<()> {
    sqlx::query(
        "UPDATE partitions
         SET first_sequence_number = $1, sequence_number = $2, number_epoch = $3
         WHERE stream_id = $4 AND partition_id = $5",
    )
    .bind(first.0)
    .bind(first.previous().0)
    .bind(number_epoch)
    .bind(held.stream_id.0)
    .bind(i64::from(held.partition_id.0))
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn renew(
    database: &Database,
    stream_id: StreamId,
    tenure: &Tenure,
    observations: &[Observation],
) -> Result<Vec<PartitionId>> {
    let mut writing = database.write_lease().await?;
    let mut lost = Vec::new();
    for observation in observations {
        // What the hub last had is a fact that stays true; how far the reader lags is not.
        let renewed = sqlx::query(
            "UPDATE partitions
             SET expires_at = clock_timestamp() + $1 * interval '1 millisecond',
                 observed_state = $2, lag_seconds = $3,
                 last_enqueued_sequence_number = coalesce($4, last_enqueued_sequence_number),
                 observed_fault = $9
             WHERE stream_id = $5 AND partition_id = $6 AND epoch = $7 AND incarnation = $8",
        )
        .bind(millis(tenure.ttl)?)
        .bind(observation.state.as_str())
        .bind(observation.lag_seconds)
        .bind(observation.last_enqueued_sequence_number.map(|last| last.0))
        .bind(stream_id.0)
        .bind(i64::from(observation.partition_id.0))
        .bind(observation.epoch.0)
        .bind(tenure.incarnation.to_string())
        .bind(&observation.fault)
        .execute(writing.connection())
        .await?;
        if renewed.rows_affected() == 0 {
            lost.push(observation.partition_id);
        }
    }
    writing.commit().await?;
    Ok(lost)
}

pub(crate) async fn release(database: &Database, held: Held) -> Result<()> {
    let mut writing = database.write_lease().await?;
    sqlx::query(
        "UPDATE partitions
         SET epoch = epoch + 1, node = NULL, incarnation = NULL, expires_at = NULL,
             observed_state = NULL, observed_fault = NULL, lag_seconds = NULL
         WHERE stream_id = $1 AND partition_id = $2 AND epoch = $3 AND incarnation = $4",
    )
    .bind(held.stream_id.0)
    .bind(i64::from(held.partition_id.0))
    .bind(held.epoch.0)
    .bind(held.incarnation.to_string())
    .execute(writing.connection())
    .await?;
    notify(writing.connection(), Wake::Leases).await?;
    writing.commit().await
}

pub(crate) async fn report_node(database: &Database, report: &NodeReport) -> Result<()> {
    let mut writing = database.write_lease().await?;
    sqlx::query(
        "DELETE FROM nodes WHERE last_seen_at < clock_timestamp() - $1 * interval '1 millisecond'",
    )
    .bind(millis(NODE_MEMORY)?)
    .execute(writing.connection())
    .await?;
    sqlx::query(
        "INSERT INTO nodes (name, incarnation, roles, version, api, shards, leases, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
         ON CONFLICT (name) DO UPDATE SET
             incarnation = excluded.incarnation, roles = excluded.roles,
             version = excluded.version, api = excluded.api, shards = excluded.shards,
             leases = excluded.leases, last_seen_at = excluded.last_seen_at",
    )
    .bind(&report.node)
    .bind(report.incarnation.to_string())
    .bind(column::to_json(&report.roles)?)
    .bind(&report.version)
    .bind(&report.api)
    .bind(column::to_json(&report.shards)?)
    .bind(column::to_json(&report.leases)?)
    .execute(writing.connection())
    .await?;
    writing.commit().await
}

pub(crate) async fn forget_node(database: &Database, node: &str, incarnation: Uuid) -> Result<()> {
    let mut writing = database.write_lease().await?;
    sqlx::query("DELETE FROM nodes WHERE name = $1 AND incarnation = $2")
        .bind(node)
        .bind(incarnation.to_string())
        .execute(writing.connection())
        .await?;
    notify(writing.connection(), Wake::Leases).await?;
    writing.commit().await
}
