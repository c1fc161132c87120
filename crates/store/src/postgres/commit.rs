//! The commit on PostgreSQL: written as if everything were due, decided by the guard at its end.
//!
//! Nothing is locked by reading where the partitions stand: the batches say where they expect
//! them, and the guard, in one message with COMMIT, raises where that is not so. Only then are
//! the standings read, and what is still due is written again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rollcall_model::{Drops, Epoch, OwnerId, OwnerState, PartitionId, SequenceNumber, StreamId};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::writing::Ended;
use super::{Database, held, rows};
use crate::commit::fates::{OwnerStanding, Room, Row, Rows, Totals};
use crate::commit::plan::{Decision, PartitionKey, Standing, plan};
use crate::fault::{Fault, Result};
use crate::{Answer, Batch, Kind, PendingStatuses, Refusal, column};

/// How often what the standings say is due is written, before somebody else turns out to move the
/// same partitions again and again.
const TRIES: u32 = 4;

/// Partition, epoch, incarnation and position.
type StandingColumns = (i64, i64, i64, Option<String>, Option<i64>);

pub(crate) async fn commit(database: &Database, batches: &[Arc<Batch>]) -> Result<Vec<Answer>> {
    let mut decisions = planned(database, batches, &expected(batches));
    // Batches that do not follow each other: the standings tell which of them is right.
    if decisions.iter().any(|decision| *decision != Decision::Due) {
        decisions = planned(database, batches, &standings(database, batches).await?);
    }
    for _ in 0..TRIES {
        let fault = match write(database, &due(batches, &decisions)).await {
            Ok(Ended::Committed) => {
                return Ok(decisions.into_iter().map(Decision::answer).collect());
            }
            Ok(Ended::Guarded) => None,
            // A batch that is stored already meets its own rows before it meets the guard.
            Err(fault) if fault.kind == Kind::RefusedData => Some(fault),
            Err(fault) => return Err(fault),
        };
        let standing = planned(database, batches, &standings(database, batches).await?);
        match fault {
            Some(fault) if standing == decisions => return Err(fault),
            _ => decisions = standing,
        }
    }
    Err(Fault::new(
        Kind::Unavailable,
        "the partitions moved under every try to commit",
    ))
}

fn planned(
    database: &Database,
    batches: &[Arc<Batch>],
    standings: &BTreeMap<PartitionKey, Standing>,
) -> Vec<Decision> {
    let mut decisions = plan(batches.iter().map(Arc::as_ref), standings);
    for (batch, decision) in batches.iter().zip(&mut decisions) {
        if *decision == Decision::Due && database.past.is_lost(batch.epoch) {
            let standing = standings.get(&batch.key());
            let stored = standing.and_then(|standing| standing.position);
            *decision = Decision::Answered(Answer::Refused(Refusal::Misplaced { stored }));
        }
    }
    decisions
}

/// Where the partitions stand if each first batch is right.
fn expected(batches: &[Arc<Batch>]) -> BTreeMap<PartitionKey, Standing> {
    let mut expected = BTreeMap::new();
    for batch in batches {
        expected.entry(batch.key()).or_insert(Standing {
            epoch: batch.epoch,
            incarnation: Some(batch.incarnation),
            position: Some(batch.span.after),
        });
    }
    expected
}

fn due<'b>(batches: &'b [Arc<Batch>], decisions: &[Decision]) -> Vec<&'b Batch> {
    let due = batches.iter().zip(decisions);
    due.filter(|(_, decision)| **decision == Decision::Due)
        .map(|(batch, _)| batch.as_ref())
        .collect()
}

/// Where the partitions stand. Waits for transactions that are moving them: the answer to such a
/// one's COMMIT may be the one that was lost.
async fn standings(
    database: &Database,
    batches: &[Arc<Batch>],
) -> Result<BTreeMap<PartitionKey, Standing>> {
    let keys: Vec<PartitionKey> = expected(batches).into_keys().collect();
    let streams: Vec<i64> = keys.iter().map(|(stream_id, _)| stream_id.0).collect();
    let partitions: Vec<i64> = keys.iter().map(|(_, id)| i64::from(id.0)).collect();
    let mut writing = database.write_commit().await?;
    let rows: Vec<StandingColumns> = sqlx::query_as(
        "SELECT p.stream_id, p.partition_id, p.epoch, p.incarnation, p.sequence_number
         FROM unnest($1::bigint[], $2::bigint[]) AS k (stream_id, partition_id)
             JOIN partitions AS p USING (stream_id, partition_id)
         ORDER BY p.stream_id, p.partition_id FOR SHARE OF p",
    )
    .bind(streams)
    .bind(partitions)
    .fetch_all(writing.connection())
    .await?;
    writing.roll_back().await?;
    rows.into_iter().map(standing).collect()
}

fn standing(
    (stream_id, partition_id, epoch, incarnation, position): StandingColumns,
) -> Result<(PartitionKey, Standing)> {
    let key = (StreamId(stream_id), column::partition_id(partition_id)?);
    let incarnation = incarnation.map(|text| column::uuid("incarnation", &text));
    let standing = Standing {
        epoch: Epoch(epoch),
        incarnation: incarnation.transpose()?,
        position: position.map(SequenceNumber),
    };
    Ok((key, standing))
}

async fn write(database: &Database, due: &[&Batch]) -> Result<Ended> {
    if due.is_empty() {
        return Ok(Ended::Committed);
    }
    let candidates = Rows::of(due);
    database.prepare_days(candidates.enqueued()).await?;
    let mut writing = database.write_commit().await?;
    // The past may have been lost, and forgotten, since this was planned.
    if due.iter().any(|batch| database.past.is_lost(batch.epoch)) {
        writing.roll_back().await?;
        return Ok(Ended::Guarded);
    }
    let policy = database.pending_statuses;
    let (guard, stored) = match store(writing.connection(), due, candidates, policy).await {
        Ok(written) => written,
        Err(fault) => {
            // It may have been for a day that is gone; looking all of them up again costs little.
            if fault.conflict {
                database.forget_days();
            }
            return Err(fault);
        }
    };
    let ended = writing.commit_behind(&guard).await?;
    if let Ended::Committed = ended {
        database.live().show(&stored);
    }
    Ok(ended)
}

/// Writes everything but the checkpoints; says how to move those, and what is stored then.
async fn store<'b>(
    connection: &mut PgConnection,
    due: &[&'b Batch],
    candidates: Rows<'b>,
    policy: PendingStatuses,
) -> Result<(String, Vec<Row<'b>>)> {
    let mut owners = owners(connection, &candidates).await?;
    held::make_room(connection, &mut owners, policy).await?;
    let fates = candidates.route(due, &owners)?;
    rows::copy_statuses(connection, &fates.stored).await?;
    rows::upsert_latest(connection, &fates.latest()).await?;
    rows::insert_dead(connection, due).await?;
    rows::insert_held(connection, &fates.held).await?;
    held::count(connection, &fates).await?;
    rows::insert_gaps(connection, due).await?;
    Ok((guard(due, fates.totals)?, fates.stored))
}

/// State and version of every owner of the group, and the settings of those with held rows; locked,
/// in their order, against a change until the commit.
pub(super) async fn owners(
    connection: &mut PgConnection,
    candidates: &Rows<'_>,
) -> Result<HashMap<OwnerId, OwnerStanding>> {
    let wanted: Vec<&str> = candidates.owners().iter().map(|id| id.as_str()).collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let held = candidates.owners_of_held();
    let held: Vec<&str> = held.iter().map(|id| id.as_str()).collect();
    let rows: Vec<(String, String, i64, Option<String>)> = sqlx::query_as(
        "SELECT o.owner_id, o.state, o.version,
                CASE WHEN o.owner_id = ANY ($2::text[]) THEN o.settings END
         FROM unnest($1::text[]) AS w (owner_id) CROSS JOIN LATERAL (
             SELECT owner_id, state, version, settings FROM owners
             WHERE owner_id = w.owner_id LIMIT 1 FOR SHARE) AS o",
    )
    .bind(wanted)
    .bind(held)
    .fetch_all(connection)
    .await?;
    let mut owners = HashMap::with_capacity(rows.len());
    for (owner_id, state, version, settings) in rows {
        let state = column::name("state", &state)?;
        let settings = settings.filter(|_| state == OwnerState::Active);
        let settings = settings.map(|text| column::json("settings", &text));
        let standing = OwnerStanding {
            state,
            version,
            settings: settings.transpose()?,
            room: Room::WIDE,
        };
        owners.insert(column::owner_id(&owner_id)?, standing);
    }
    Ok(owners)
}

/// How far a partition moves, from where, and what it adds to its totals: one of the elements
/// that `advance_partitions` takes.
#[derive(Debug, Serialize)]
struct Move<'b> {
    stream_id: StreamId,
    partition_id: PartitionId,
    epoch: Epoch,
    incarnation: Uuid,
    after: SequenceNumber,
    upto: SequenceNumber,
    offset: Option<&'b str>,
    stored: u64,
    held: u64,
    dead: u64,
    gaps: u64,
    dropped: Drops,
}

impl<'b> Move<'b> {
    /// Stays at the batch's beginning and adds nothing.
    fn from(batch: &'b Batch) -> Self {
        Self {
            stream_id: batch.stream_id,
            partition_id: batch.partition_id,
            epoch: batch.epoch,
            incarnation: batch.incarnation,
            after: batch.span.after,
            upto: batch.span.after,
            offset: None,
            stored: 0,
            held: 0,
            dead: 0,
            gaps: 0,
            dropped: Drops::default(),
        }
    }

    /// Moves on over the batch.
    fn add(&mut self, batch: &'b Batch, totals: &Totals) {
        self.upto = batch.span.upto;
        self.offset = batch.offset.as_deref();
        self.stored += totals.stored;
        self.held += totals.held;
        self.dead += totals.dead;
        self.gaps += totals.gaps;
        self.dropped.merge(&totals.drops);
    }
}

/// The statement that moves the checkpoints or raises. It goes in one message with COMMIT, which
/// takes no parameters: the moves are a literal.
fn guard(due: &[&Batch], totals: Vec<Totals>) -> Result<String> {
    let mut moves: BTreeMap<PartitionKey, Move<'_>> = BTreeMap::new();
    for (batch, totals) in due.iter().zip(totals) {
        let moved = moves.entry(batch.key());
        moved
            .or_insert_with(|| Move::from(batch))
            .add(batch, &totals);
    }
    let moves: Vec<_> = moves.into_values().collect();
    let literal = column::to_json(&moves)?.replace('\'', "''");
    Ok(format!("SELECT advance_partitions('{literal}')"))
}
