//! The commit on SQLite: one immediate transaction, in which what is read cannot change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rollcall_model::{Drops, Epoch, OwnerId, OwnerState, SequenceNumber, Timestamp};
use sqlx::SqliteConnection;

use super::{Database, held, rows};
use crate::commit::fates::{OwnerStanding, Room, Row, Rows, Totals};
use crate::commit::plan::{Decision, PartitionKey, Standing, plan};
use crate::fault::{Fault, Result};
use crate::{Answer, Batch, column};

/// A partition's row, as far as the commit needs it.
struct Partition {
    standing: Standing,
    ttl_millis: i64,
    dropped: Drops,
}

/// Epoch, incarnation, position, time to live and drops.
type PartitionColumns = (i64, Option<String>, Option<i64>, i64, String);

pub(crate) async fn commit(database: &Database, batches: &[Arc<Batch>]) -> Result<Vec<Answer>> {
    let mut writing = database.write().await?;
    let partitions = partitions(writing.connection(), batches).await?;
    let standings = partitions
        .iter()
        .map(|(key, partition)| (*key, partition.standing))
        .collect();
    let decisions = plan(batches.iter().map(Arc::as_ref), &standings);
    let due: Vec<&Batch> = batches
        .iter()
        .zip(&decisions)
        .filter(|(_, decision)| **decision == Decision::Due)
        .map(|(batch, _)| batch.as_ref())
        .collect();
    if due.is_empty() {
        writing.roll_back().await?;
    } else {
        let stored = store(database, writing.connection(), &due, partitions).await?;
        writing.commit().await?;
        database.live().show(&stored);
    }
    Ok(decisions.into_iter().map(Decision::answer).collect())
}

/// Writes everything, and gives back what is stored once the transaction is committed.
async fn store<'b>(
    database: &Database,
    connection: &mut SqliteConnection,
    due: &[&'b Batch],
    partitions: BTreeMap<PartitionKey, Partition>,
) -> Result<Vec<Row<'b>>> {
    let now = database.now();
    let candidates = Rows::of(due);
    let mut owners = owners(connection, &candidates).await?;
    held::make_room(connection, &mut owners, database.pending_statuses).await?;
    let fates = candidates.route(due, &owners)?;
    rows::insert_statuses(connection, &fates.stored).await?;
    rows::upsert_latest(connection, &fates.latest()).await?;
    rows::insert_held(connection, &fates.held).await?;
    held::count(connection, &fates).await?;
    rows::insert_dead(connection, due).await?;
    rows::insert_gaps(connection, due, now).await?;
    for (key, advance) in advances(due, fates.totals) {
        let partition = partitions
            .get(&key)
            .ok_or_else(|| Fault::defect("a batch is due on a partition without a row"))?;
        advance_partition(connection, key, partition, advance, now).await?;
    }
    Ok(fates.stored)
}

/// Lease and position of every partition that has a batch in the group.
async fn partitions(
    connection: &mut SqliteConnection,
    batches: &[Arc<Batch>],
) -> Result<BTreeMap<PartitionKey, Partition>> {
    let mut found = BTreeMap::new();
    for batch in batches {
        if found.contains_key(&batch.key()) {
            continue;
        }
        if let Some(partition) = partition(connection, batch.key()).await? {
            found.insert(batch.key(), partition);
        }
    }
    Ok(found)
}

async fn partition(
    connection: &mut SqliteConnection,
    (stream_id, partition_id): PartitionKey,
) -> Result<Option<Partition>> {
    let row: Option<PartitionColumns> = sqlx::query_as(
        "SELECT epoch, incarnation, sequence_number, ttl_millis, dropped
         FROM partitions WHERE stream_id = ? AND partition_id = ?",
    )
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .fetch_optional(connection)
    .await?;
    let Some((epoch, incarnation, position, ttl_millis, dropped)) = row else {
        return Ok(None);
    };
    let incarnation = incarnation
        .map(|text| column::uuid("incarnation", &text))
        .transpose()?;
    Ok(Some(Partition {
        standing: Standing {
            epoch: Epoch(epoch),
            incarnation,
            position: position.map(SequenceNumber),
        },
        ttl_millis,
        dropped: column::json("dropped", &dropped)?,
    }))
}

/// State and version of every owner of the group, and the settings of those with held rows.
pub(super) async fn owners(
    connection: &mut SqliteConnection,
    candidates: &Rows<'_>,
) -> Result<HashMap<OwnerId, OwnerStanding>> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT owner_id, state, version FROM owners
         WHERE owner_id IN (SELECT value FROM json_each(?))",
    )
    .bind(column::to_json(&candidates.owners())?)
    .fetch_all(&mut *connection)
    .await?;
    let mut owners = HashMap::with_capacity(rows.len());
    for (owner_id, state, version) in rows {
        let standing = OwnerStanding {
            state: column::name("state", &state)?,
            version,
            settings: None,
            room: Room::WIDE,
        };
        owners.insert(column::owner_id(&owner_id)?, standing);
    }
    load_settings(connection, candidates, &mut owners).await?;
    Ok(owners)
}

/// An owner that was pending when its rows were admitted may be active by now.
async fn load_settings(
    connection: &mut SqliteConnection,
    candidates: &Rows<'_>,
    owners: &mut HashMap<OwnerId, OwnerStanding>,
) -> Result<()> {
    let mut wanted = candidates.owners_of_held();
    wanted.retain(|owner_id| {
        owners
            .get(*owner_id)
            .is_some_and(|owner| owner.state == OwnerState::Active)
    });
    if wanted.is_empty() {
        return Ok(());
    }
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT owner_id, settings FROM owners
         WHERE owner_id IN (SELECT value FROM json_each(?))",
    )
    .bind(column::to_json(&wanted)?)
    .fetch_all(connection)
    .await?;
    for (owner_id, settings) in rows {
        if let Some(owner) = owners.get_mut(owner_id.as_str()) {
            owner.settings = Some(column::json("settings", &settings)?);
        }
    }
    Ok(())
}

/// How far a partition moves, and what it adds to its totals.
struct Advance {
    upto: SequenceNumber,
    offset: Option<Box<str>>,
    totals: Totals,
}

/// The due batches of each partition taken together.
fn advances(due: &[&Batch], totals: Vec<Totals>) -> BTreeMap<PartitionKey, Advance> {
    let mut advances: BTreeMap<PartitionKey, Advance> = BTreeMap::new();
    for (batch, totals) in due.iter().zip(totals) {
        let advance = advances.entry(batch.key()).or_insert_with(|| Advance {
            upto: batch.span.upto,
            offset: None,
            totals: Totals::default(),
        });
        advance.upto = batch.span.upto;
        advance.offset.clone_from(&batch.offset);
        advance.totals.add(&totals);
    }
    advances
}

/// Moves position and totals and extends the lease.
async fn advance_partition(
    connection: &mut SqliteConnection,
    (stream_id, partition_id): PartitionKey,
    partition: &Partition,
    Advance {
        upto,
        offset,
        totals,
    }: Advance,
    now: Timestamp,
) -> Result<()> {
    let mut dropped = partition.dropped.clone();
    dropped.merge(&totals.drops);
    let ttl = std::time::Duration::from_millis(column::count("ttl_millis", partition.ttl_millis)?);
    let moved = sqlx::query(
        "UPDATE partitions
         SET sequence_number = ?, \"offset\" = ?, stored = stored + ?, held = held + ?,
             dead = dead + ?, gaps = gaps + ?, dropped = ?, last_commit_at = ?, expires_at = ?
         WHERE stream_id = ? AND partition_id = ? AND epoch = ? AND sequence_number = ?",
    )
    .bind(upto.0)
    .bind(offset.as_deref())
    .bind(column::number(totals.stored)?)
    .bind(column::number(totals.held)?)
    .bind(column::number(totals.dead)?)
    .bind(column::number(totals.gaps)?)
    .bind(column::to_json(&dropped)?)
    .bind(now.to_string())
    .bind(now.plus(ttl).to_string())
    .bind(stream_id.0)
    .bind(i64::from(partition_id.0))
    .bind(partition.standing.epoch.0)
    .bind(partition.standing.position.map(|position| position.0))
    .execute(connection)
    .await?;
    if moved.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Fault::defect(
            "a checkpoint changed under the transaction that moves it",
        ))
    }
}
