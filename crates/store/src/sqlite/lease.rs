//! Leases and nodes.
//!
//! A lease is the row of its partition: epoch, node, incarnation, expiry. The time to live lies in
//! the row as well, so that a commit can extend the lease without being told.

use std::time::Duration;

use rollcall_model::{Epoch, PartitionId, SequenceNumber, StreamId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::Database;
use crate::fault::{Fault, Result};
use crate::lease::Held;
use crate::wakes::Wake;
use crate::{Answer, Claim, NodeReport, Observation, Refusal, Tenure, column};

/// A node that gave no sign of life for this long is forgotten.
const NODE_MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// Epoch, incarnation, first number and position.
type LeaseColumns = (i64, Option<String>, Option<i64>, Option<i64>);

/// Whoever claims takes such a row for a free one.
pub(crate) async fn enlist(database: &Database, stream_id: StreamId, ids: &[i64]) -> Result<()> {
    let mut writing = database.write().await?;
    for id in ids {
        sqlx::query(
            "INSERT INTO partitions (stream_id, partition_id, epoch, ttl_millis)
             VALUES (?, ?, 0, 0) ON CONFLICT DO NOTHING",
        )
        .bind(stream_id.0)
        .bind(id)
        .execute(writing.connection())
        .await?;
    }
    writing.commit().await
}

pub(crate) async fn claim(
    database: &Database,
    stream_id: StreamId,
    partition_id: PartitionId,
    tenure: &Tenure,
) -> Result<Option<Claim>> {
    let mut writing = database.write().await?;
    // Within the transaction, so that the clock is read after the wait for the writer.
    let now = database.now();
    let ttl_millis = i64::try_from(tenure.ttl.as_millis()).map_err(Fault::defect)?;
    let (epoch, sequence_number, number_epoch): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
        "INSERT INTO partitions
             (stream_id, partition_id, epoch, node, incarnation, expires_at, ttl_millis,
              observed_state, last_node)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'reading', ?4)
         ON CONFLICT (stream_id, partition_id) DO UPDATE SET
             epoch = max(partitions.epoch + 1, excluded.epoch), node = excluded.node,
             incarnation = excluded.incarnation, expires_at = excluded.expires_at,
             ttl_millis = excluded.ttl_millis, observed_state = excluded.observed_state,
             observed_fault = NULL, last_node = excluded.node,
             moves = moves + (last_node <> excluded.node AND last_node IS NOT NULL),
             losses = losses + (incarnation IS NOT excluded.incarnation
                                AND incarnation IS NOT NULL)
         RETURNING epoch, sequence_number, number_epoch",
    )
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .bind(now.as_seconds())
    .bind(&tenure.node)
    .bind(tenure.incarnation.to_string())
    .bind(now.plus(tenure.ttl).to_string())
    .bind(ttl_millis)
    .fetch_one(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(Some(Claim {
        epoch: Epoch(epoch),
        checkpoint: sequence_number.map(SequenceNumber),
        number_epoch,
    }))
}

pub(crate) async fn begin(
    database: &Database,
    held: Held,
    first: SequenceNumber,
    number_epoch: Option<i64>,
) -> Result<Answer> {
    let mut writing = database.write().await?;
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

/// The first number and the position, if they are set and the lease is held.
async fn begun(
    connection: &mut SqliteConnection,
    held: Held,
) -> Result<std::result::Result<Option<(SequenceNumber, SequenceNumber)>, Refusal>> {
    let row: Option<LeaseColumns> = sqlx::query_as(
        "SELECT epoch, incarnation, first_sequence_number, sequence_number
         FROM partitions WHERE stream_id = ? AND partition_id = ?",
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
    connection: &mut SqliteConnection,
    held: Held,
    first: SequenceNumber,
    number_epoch: Option<i64>,
) -> Result<()> {
    sqlx::query(
        "UPDATE partitions
         SET first_sequence_number = ?, sequence_number = ?, number_epoch = ?
         WHERE stream_id = ? AND partition_id = ?",
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
    let mut writing = database.write().await?;
    let expires_at = database.now().plus(tenure.ttl).to_string();
    let incarnation = tenure.incarnation.to_string();
    let mut lost = Vec::new();
    for observation in observations {
        // What the hub last had is a fact that stays true; how far the reader lags is not.
        let renewed = sqlx::query(
            "UPDATE partitions
             SET expires_at = ?, observed_state = ?, observed_fault = ?, lag_seconds = ?,
                 last_enqueued_sequence_number = coalesce(?, last_enqueued_sequence_number)
             WHERE stream_id = ? AND partition_id = ? AND epoch = ? AND incarnation = ?",
        )
        .bind(&expires_at)
        .bind(observation.state.as_str())
        .bind(&observation.fault)
        .bind(observation.lag_seconds)
        .bind(observation.last_enqueued_sequence_number.map(|last| last.0))
        .bind(stream_id.0)
        .bind(i64::from(observation.partition_id.0))
        .bind(observation.epoch.0)
        .bind(&incarnation)
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
    let mut writing = database.write().await?;
    sqlx::query(
        "UPDATE partitions
         SET epoch = epoch + 1, node = NULL, incarnation = NULL, expires_at = NULL,
             observed_state = NULL, observed_fault = NULL, lag_seconds = NULL
         WHERE stream_id = ? AND partition_id = ? AND epoch = ? AND incarnation = ?",
    )
    .bind(held.stream_id.0)
    .bind(i64::from(held.partition_id.0))
    .bind(held.epoch.0)
    .bind(held.incarnation.to_string())
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    database.signals().wake(Wake::Leases);
    Ok(())
}

pub(crate) async fn report_node(database: &Database, report: &NodeReport) -> Result<()> {
    let mut writing = database.write().await?;
    let now = database.now();
    sqlx::query("DELETE FROM nodes WHERE last_seen_at < ?")
        .bind(now.minus(NODE_MEMORY).to_string())
        .execute(writing.connection())
        .await?;
    sqlx::query(
        "INSERT INTO nodes (name, incarnation, roles, version, api, shards, leases, last_seen_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
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
    .bind(now.to_string())
    .execute(writing.connection())
    .await?;
    writing.commit().await
}

pub(crate) async fn forget_node(database: &Database, node: &str, incarnation: Uuid) -> Result<()> {
    let mut writing = database.write().await?;
    sqlx::query("DELETE FROM nodes WHERE name = ? AND incarnation = ?")
        .bind(node)
        .bind(incarnation.to_string())
        .execute(writing.connection())
        .await?;
    writing.commit().await?;
    database.signals().wake(Wake::Leases);
    Ok(())
}
