//! The replay on PostgreSQL, and the acceptance of gaps.
//!
//! What is there already is read without a lock; the partition's row is touched last, as by every
//! other transaction, and only if its `replays` are still those of the basis: of two replays that
//! found the same events missing, the later one finds no row to update and rolls back.

use std::collections::HashMap;

use rollcall_model::{PartitionId, SequenceNumber, Span, StreamId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::writing::Writing;
use super::{Database, commit, rows};
use crate::commit::fates::{Fates, Rows};
use crate::fault::Result;
use crate::replay::{Bounds, Place, Sifted, beyond, route, sift};
use crate::{ReplayAnswer, ReplayBasis, ReplayChunk, ReplayCounts, ReplayMode, column};

/// First number, position, replays, and the rows that are lost, if they had to be counted.
type BasisColumns = (Option<i64>, Option<i64>, i64, Option<i64>);

/// One statement, so that totals and rows are of one moment.
pub(crate) async fn basis(
    database: &Database,
    stream_id: StreamId,
    partition_id: PartitionId,
) -> Result<Option<ReplayBasis>> {
    let row: Option<BasisColumns> = sqlx::query_as(
        "SELECT first_sequence_number, sequence_number, replays,
                CASE WHEN dropped <> '{}' OR removed <> 0 THEN stored - removed + replayed - (
                    SELECT count(*) FROM statuses AS s
                    WHERE s.stream_id = p.stream_id AND s.partition_id = p.partition_id) END
         FROM partitions AS p WHERE stream_id = $1 AND partition_id = $2",
    )
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .fetch_optional(database.readers())
    .await?;
    let Some((Some(first), Some(position), replays, lost)) = row else {
        return Ok(None);
    };
    Ok(Some(ReplayBasis {
        stream_id,
        partition_id,
        first: SequenceNumber(first),
        position: SequenceNumber(position),
        // Not counted: nothing else can be missing outside the gaps.
        lost: lost.map_or(u64::MAX, |lost| u64::try_from(lost).unwrap_or(0)),
        replays,
    }))
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
    if mode == ReplayMode::Store {
        let times = chunk.statuses.iter().map(|status| status.enqueued_at);
        database.prepare_days(times).await?;
    }
    let writing = database.write_replay().await?;
    let answer = write(writing, basis, chunk, &bounds, mode).await;
    // It may have been for a day that is gone; looking all of them up again costs little.
    if answer.as_ref().is_err_and(|fault| fault.conflict) {
        database.forget_days();
    }
    answer
}

async fn write(
    mut writing: Writing,
    basis: ReplayBasis,
    chunk: &ReplayChunk,
    bounds: &Bounds,
    mode: ReplayMode,
) -> Result<ReplayAnswer> {
    let connection = writing.connection();
    let there = there(connection, &basis, bounds).await?;
    let sifted = sift(&basis, chunk, &there);
    let (fates, counts) = routed(connection, &sifted, mode).await?;
    if mode == ReplayMode::DryRun || fates.stored.is_empty() {
        writing.roll_back().await?;
        return Ok(ReplayAnswer::Done(counts, basis));
    }
    rows::copy_statuses(connection, &fates.stored).await?;
    rows::upsert_latest(connection, &fates.latest()).await?;
    match advance(connection, basis, bounds, &fates).await? {
        Some(next) => {
            writing.commit().await?;
            Ok(ReplayAnswer::Done(counts, next))
        }
        None => {
            writing.roll_back().await?;
            Ok(ReplayAnswer::Superseded)
        }
    }
}

/// Where the numbers of the chunk are. One statement, so that a row on its way from one table to
/// another is seen in one of them. The time, which is the hub's and so the same for whoever decodes
/// the event, spares the days that cannot hold it.
async fn there(
    connection: &mut PgConnection,
    basis: &ReplayBasis,
    bounds: &Bounds,
) -> Result<HashMap<SequenceNumber, Place>> {
    let (from, to): (OffsetDateTime, OffsetDateTime) =
        (bounds.from.to_offset(), bounds.to.to_offset());
    let rows: Vec<(i64, i32)> = sqlx::query_as(
        "SELECT sequence_number, 0 FROM statuses
         WHERE enqueued_at BETWEEN $5 AND $6 AND stream_id = $1 AND partition_id = $2
           AND sequence_number BETWEEN $3 AND $4
         UNION ALL SELECT sequence_number, 1 FROM held_statuses
         WHERE stream_id = $1 AND partition_id = $2 AND sequence_number BETWEEN $3 AND $4
         UNION ALL SELECT sequence_number, 2 FROM dead_letters
         WHERE stream_id = $1 AND partition_id = $2 AND sequence_number BETWEEN $3 AND $4
           AND state <> 'replayed'",
    )
    .bind(basis.stream_id.0)
    .bind(i64::from(basis.partition_id.0))
    .bind(bounds.first.0)
    .bind(bounds.last.0)
    .bind(from)
    .bind(to)
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(number, at)| (SequenceNumber(number), Place::numbered(at.into())))
        .collect())
}

/// Where the missing rows go, by their owners' states.
async fn routed<'s>(
    connection: &mut PgConnection,
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

/// Counts what the totals do not, and takes the basis away from any other replay; `None`: another
/// one did so first.
async fn advance(
    connection: &mut PgConnection,
    basis: ReplayBasis,
    bounds: &Bounds,
    fates: &Fates<'_>,
) -> Result<Option<ReplayBasis>> {
    let gaps = gaps(connection, &basis, bounds).await?;
    let stored = fates.stored.iter();
    let numbers: Vec<_> = stored.map(|row| row.status.sequence_number).collect();
    let (beyond, lost) = beyond(basis.lost, &numbers, &gaps);
    let moved = sqlx::query(
        "UPDATE partitions SET replayed = replayed + $4, replays = replays + 1
         WHERE stream_id = $1 AND partition_id = $2 AND replays = $3",
    )
    .bind(basis.stream_id.0)
    .bind(i64::from(basis.partition_id.0))
    .bind(basis.replays)
    .bind(column::number(beyond)?)
    .execute(connection)
    .await?;
    Ok((moved.rows_affected() == 1).then_some(ReplayBasis {
        lost,
        replays: basis.replays + 1,
        ..basis
    }))
}

async fn gaps(
    connection: &mut PgConnection,
    basis: &ReplayBasis,
    bounds: &Bounds,
) -> Result<Vec<Span>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT after_sequence_number, upto_sequence_number FROM gaps
         WHERE stream_id = $1 AND partition_id = $2
           AND after_sequence_number < $4 AND upto_sequence_number >= $3",
    )
    .bind(basis.stream_id.0)
    .bind(i64::from(basis.partition_id.0))
    .bind(bounds.first.0)
    .bind(bounds.last.0)
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
        "UPDATE partitions SET gap_accepted_upto = $3
         WHERE stream_id = $1 AND partition_id = $2",
    )
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .bind(upto.0)
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(done.rows_affected() == 1)
}
