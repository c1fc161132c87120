//! The replay on SQLite, and the acceptance of gaps.

use std::collections::HashMap;

use rollcall_model::{Drops, PartitionId, SequenceNumber, Span, StreamId};
use sqlx::SqliteConnection;

use super::{Database, commit, rows};
use crate::commit::fates::{Fates, Rows};
use crate::fault::{Fault, Result};
use crate::replay::{Bounds, Place, Sifted, beyond, route, sift};
use crate::{ReplayAnswer, ReplayBasis, ReplayChunk, ReplayCounts, ReplayMode, column};

/// First number, position, stored, removed, replayed, replays and drops.
type BasisColumns = (Option<i64>, Option<i64>, i64, i64, i64, i64, String);

pub(crate) async fn basis(
    database: &Database,
    stream_id: StreamId,
    partition_id: PartitionId,
) -> Result<Option<ReplayBasis>> {
    // One snapshot, so that totals and rows are of one moment.
    let mut reading = database.readers().begin().await?;
    let row: Option<BasisColumns> = sqlx::query_as(
        "SELECT first_sequence_number, sequence_number, stored, removed, replayed, replays, dropped
         FROM partitions WHERE stream_id = ? AND partition_id = ?",
    )
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .fetch_optional(&mut *reading)
    .await?;
    let Some((Some(first), Some(position), stored, removed, replayed, replays, dropped)) = row
    else {
        return Ok(None);
    };
    let dropped: Drops = column::json("dropped", &dropped)?;
    let lost = if dropped.total() == 0 && removed == 0 {
        // Nothing else can be missing outside the gaps.
        u64::MAX
    } else {
        let rows = count(&mut reading, stream_id, partition_id).await?;
        u64::try_from(stored - removed + replayed - rows).unwrap_or(0)
    };
    reading.commit().await?;
    Ok(Some(ReplayBasis {
        stream_id,
        partition_id,
        first: SequenceNumber(first),
        position: SequenceNumber(position),
        lost,
        replays,
    }))
}

async fn count(
    connection: &mut SqliteConnection,
    stream_id: StreamId,
    partition_id: PartitionId,
) -> Result<i64> {
    let sql = "SELECT count(*) FROM statuses WHERE stream_id = ? AND partition_id = ?";
    let counted = sqlx::query_scalar(sql)
        .bind(stream_id.0)
        .bind(i64::from(partition_id.0));
    Ok(counted.fetch_one(connection).await?)
}

pub(crate) async fn replay(
    database: &Database,
    basis: ReplayBasis,
    chunk: &ReplayChunk,
    mode: ReplayMode,
) -> Result<ReplayAnswer> {
    let Some(bounds) = chunk.bounds() else {
        return Ok(ReplayAnswer::Done(ReplayCounts::default(), basis));
    };
    if !basis.covers(&bounds) {
        return Ok(ReplayAnswer::OutOfRange);
    }
    if mode == ReplayMode::DryRun {
        let mut reading = database.readers().begin().await?;
        let sifted = sifted(&mut reading, &basis, chunk, &bounds).await?;
        let counts = routed(&mut reading, &sifted, mode).await?.1;
        reading.commit().await?;
        return Ok(ReplayAnswer::Done(counts, basis));
    }
    let mut writing = database.write().await?;
    let connection = writing.connection();
    if !is_current(connection, &basis).await? {
        writing.roll_back().await?;
        return Ok(ReplayAnswer::Superseded);
    }
    let sifted = sifted(connection, &basis, chunk, &bounds).await?;
    let (fates, counts) = routed(connection, &sifted, mode).await?;
    if fates.stored.is_empty() {
        writing.roll_back().await?;
        return Ok(ReplayAnswer::Done(counts, basis));
    }
    rows::insert_statuses(connection, &fates.stored).await?;
    rows::upsert_latest(connection, &fates.latest()).await?;
    let next = advance(connection, basis, &bounds, &fates).await?;
    writing.commit().await?;
    Ok(ReplayAnswer::Done(counts, next))
}

async fn is_current(connection: &mut SqliteConnection, basis: &ReplayBasis) -> Result<bool> {
    let replays: Option<i64> = sqlx::query_scalar(
        "SELECT replays FROM partitions WHERE stream_id = ? AND partition_id = ?",
    )
    .bind(basis.stream_id.0)
    .bind(i64::from(basis.partition_id.0))
    .fetch_optional(connection)
    .await?;
    Ok(replays == Some(basis.replays))
}

async fn sifted(
    connection: &mut SqliteConnection,
    basis: &ReplayBasis,
    chunk: &ReplayChunk,
    bounds: &Bounds,
) -> Result<Sifted> {
    let there = there(connection, basis, bounds).await?;
    Ok(sift(basis, chunk, &there))
}

/// Where the numbers of the chunk are. One statement, so that a row on its way from one table to
/// another is seen in one of them. The statuses are found by their time, which is the hub's and so
/// the same for whoever decodes the event.
async fn there(
    connection: &mut SqliteConnection,
    basis: &ReplayBasis,
    bounds: &Bounds,
) -> Result<HashMap<SequenceNumber, Place>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT s.sequence_number, 0 FROM status_blocks AS b CROSS JOIN statuses AS s
         WHERE b.enqueued_from <= ?6 AND b.enqueued_to >= ?5
           AND s.rowid BETWEEN b.first_rowid AND b.last_rowid
           AND s.enqueued_at BETWEEN ?5 AND ?6 AND s.stream_id = ?1 AND s.partition_id = ?2
           AND s.sequence_number BETWEEN ?3 AND ?4
         UNION ALL SELECT sequence_number, 1 FROM held_statuses
         WHERE stream_id = ?1 AND partition_id = ?2 AND sequence_number BETWEEN ?3 AND ?4
         UNION ALL SELECT sequence_number, 2 FROM dead_letters
         WHERE stream_id = ?1 AND partition_id = ?2 AND sequence_number BETWEEN ?3 AND ?4
           AND state <> 'replayed'",
    )
    .bind(basis.stream_id.0)
    .bind(i64::from(basis.partition_id.0))
    .bind(bounds.first.0)
    .bind(bounds.last.0)
    .bind(bounds.from.to_string())
    .bind(bounds.to.to_string())
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(number, at)| (SequenceNumber(number), Place::numbered(at)))
        .collect())
}

/// Where the missing rows go, by their owners' states.
async fn routed<'s>(
    connection: &mut SqliteConnection,
    sifted: &'s Sifted,
    mode: ReplayMode,
) -> Result<(Fates<'s>, ReplayCounts)> {
    let candidates = Rows::of(&[&sifted.missing]);
    let owners = commit::owners(connection, &candidates).await?;
    let fates = route(&sifted.missing, candidates, owners, mode)?;
    let mut counts = sifted.counts.clone();
    counts.route(&fates);
    Ok((fates, counts))
}

/// Counts what the totals do not, and takes the basis away from any other replay.
async fn advance(
    connection: &mut SqliteConnection,
    basis: ReplayBasis,
    bounds: &Bounds,
    fates: &Fates<'_>,
) -> Result<ReplayBasis> {
    let gaps = gaps(connection, &basis, bounds).await?;
    let stored = fates.stored.iter();
    let numbers: Vec<_> = stored.map(|row| row.status.sequence_number).collect();
    let (beyond, lost) = beyond(basis.lost, &numbers, &gaps);
    let moved = sqlx::query(
        "UPDATE partitions SET replayed = replayed + ?, replays = replays + 1
         WHERE stream_id = ? AND partition_id = ? AND replays = ?",
    )
    .bind(column::number(beyond)?)
    .bind(basis.stream_id.0)
    .bind(i64::from(basis.partition_id.0))
    .bind(basis.replays)
    .execute(connection)
    .await?;
    if moved.rows_affected() != 1 {
        return Err(Fault::defect(
            "the basis of a replay changed under the transaction that moves it",
        ));
    }
    Ok(ReplayBasis {
        lost,
        replays: basis.replays + 1,
        ..basis
    })
}

async fn gaps(
    connection: &mut SqliteConnection,
    basis: &ReplayBasis,
    bounds: &Bounds,
) -> Result<Vec<Span>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT after_sequence_number, upto_sequence_number FROM gaps
         WHERE stream_id = ? AND partition_id = ?
           AND after_sequence_number < ? AND upto_sequence_number >= ?",
    )
    .bind(basis.stream_id.0)
    .bind(i64::from(basis.partition_id.0))
    .bind(bounds.last.0)
    .bind(bounds.first.0)
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(after, upto)| Span {
            after: SequenceNumber(after),
            upto: SequenceNumber(upto),
        })
        .collect())
}

pub(crate) async fn accept_gap(
    database: &Database,
    stream_id: StreamId,
    partition_id: PartitionId,
    upto: SequenceNumber,
) -> Result<bool> {
    let mut writing = database.write().await?;
    let done = sqlx::query(
        "UPDATE partitions SET gap_accepted_upto = ? WHERE stream_id = ? AND partition_id = ?",
    )
    .bind(upto.0)
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(done.rows_affected() == 1)
}
