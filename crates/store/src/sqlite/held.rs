//! Held statuses on SQLite: room for them, and their way out.

use std::collections::{HashMap, HashSet};

use rollcall_model::{Drops, OwnerId, OwnerState, SubOwnerId};
use sqlx::SqliteConnection;

use super::{Database, rows};
use crate::commit::fates::{Fates, OwnerStanding, Room, Rows, Totals};
use crate::fault::{Fault, Result};
use crate::held::{CHUNK_ROWS, HeldColumns, HeldRow, Settled, batches, settled, standings};
use crate::{Batch, PendingStatuses, column, held};

/// Says of the pending owners among them how many statuses may still be held.
pub(super) async fn make_room(
    connection: &mut SqliteConnection,
    owners: &mut HashMap<OwnerId, OwnerStanding>,
    policy: PendingStatuses,
) -> Result<()> {
    let pending = owners
        .iter_mut()
        .filter(|(_, owner)| owner.state == OwnerState::Pending);
    for (owner_id, owner) in pending {
        let held: Option<i64> =
            sqlx::query_scalar("SELECT held FROM held_counts WHERE owner_id = ?")
                .bind(owner_id.as_str())
                .fetch_optional(&mut *connection)
                .await?;
        owner.room = Room::beside(column::count("held", held.unwrap_or(0))?, policy);
    }
    Ok(())
}

/// Counts what a commit holds.
pub(super) async fn count(connection: &mut SqliteConnection, fates: &Fates<'_>) -> Result<()> {
    for (owner_id, held) in fates.held_by_owner() {
        sqlx::query(
            "INSERT INTO held_counts (owner_id, held) VALUES (?, ?)
             ON CONFLICT (owner_id) DO UPDATE SET held = held + excluded.held",
        )
        .bind(owner_id.as_str())
        .bind(column::number(held)?)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(crate) async fn to_settle(database: &Database, limit: u32) -> Result<Vec<OwnerId>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT c.owner_id FROM held_counts AS c JOIN owners AS o USING (owner_id)
         WHERE c.held > 0 AND o.state <> 'pending' ORDER BY c.owner_id LIMIT ?",
    )
    .bind(i64::from(limit))
    .fetch_all(database.readers())
    .await?;
    rows.iter()
        .map(|(owner_id,)| column::owner_id(owner_id))
        .collect()
}

pub(crate) async fn settle(database: &Database, owner_id: &OwnerId) -> Result<Settled> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    let standing = standing(connection, owner_id).await?;
    let Some(standing) = standing.filter(|owner| owner.state != OwnerState::Pending) else {
        writing.roll_back().await?;
        return Ok(Settled::default());
    };
    // Otherwise all of them go where the owner's state sends them.
    let deleted = match standing.state {
        OwnerState::Active => deleted_sub_owners(connection, owner_id).await?,
        _ => HashSet::new(),
    };
    let batches = batches(take(connection, owner_id).await?, &deleted);
    if batches.is_empty() {
        writing.roll_back().await?;
        return Ok(Settled::default());
    }
    let due: Vec<&Batch> = batches.iter().collect();
    let owners = standings(owner_id, standing);
    let fates = Rows::of(&due).route(&due, &owners)?;
    rows::insert_statuses(connection, &fates.stored).await?;
    rows::upsert_latest(connection, &fates.latest()).await?;
    let settled = settled(&fates.totals);
    uncount(connection, owner_id, settled.total()).await?;
    for (batch, totals) in due.iter().zip(&fates.totals) {
        move_totals(connection, batch, totals).await?;
    }
    writing.commit().await?;
    database.live().show(&fates.stored);
    Ok(settled)
}

async fn standing(
    connection: &mut SqliteConnection,
    owner_id: &OwnerId,
) -> Result<Option<OwnerStanding>> {
    let row: Option<(String, i64, String)> =
        sqlx::query_as("SELECT state, version, settings FROM owners WHERE owner_id = ?")
            .bind(owner_id.as_str())
            .fetch_optional(connection)
            .await?;
    row.map(|(state, version, settings)| {
        Ok(OwnerStanding {
            state: column::name("state", &state)?,
            version,
            settings: Some(column::json("settings", &settings)?),
            room: Room::WIDE,
        })
    })
    .transpose()
}

async fn deleted_sub_owners(
    connection: &mut SqliteConnection,
    owner_id: &OwnerId,
) -> Result<HashSet<SubOwnerId>> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT sub_owner_id FROM sub_owners WHERE owner_id = ? AND state = 'deleted'",
    )
    .bind(owner_id.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|id| column::sub_owner_id(id)).collect()
}

/// Takes the next chunk out.
async fn take(connection: &mut SqliteConnection, owner_id: &OwnerId) -> Result<Vec<HeldRow>> {
    let rows: Vec<HeldColumns<String>> = sqlx::query_as(
        "DELETE FROM held_statuses WHERE rowid IN (
             SELECT rowid FROM held_statuses WHERE owner_id = ?
             ORDER BY owner_id, stream_id, partition_id, sequence_number LIMIT ?)
         RETURNING stream_id, partition_id, sequence_number, sub_owner_id, enqueued_at, status_at,
                   data",
    )
    .bind(owner_id.as_str())
    .bind(CHUNK_ROWS)
    .fetch_all(connection)
    .await?;
    let time = |text: String| column::timestamp("enqueued_at", &text);
    rows.into_iter()
        .map(|row| held::read(owner_id, row, time))
        .collect()
}

/// Nothing held is no row.
async fn uncount(
    connection: &mut SqliteConnection,
    owner_id: &OwnerId,
    settled: u64,
) -> Result<()> {
    sqlx::query("UPDATE held_counts SET held = held - ? WHERE owner_id = ?")
        .bind(column::number(settled)?)
        .bind(owner_id.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM held_counts WHERE owner_id = ? AND held = 0")
        .bind(owner_id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn move_totals(
    connection: &mut SqliteConnection,
    batch: &Batch,
    totals: &Totals,
) -> Result<()> {
    let dropped: String = sqlx::query_scalar(
        "SELECT dropped FROM partitions WHERE stream_id = ? AND partition_id = ?",
    )
    .bind(batch.stream_id.0)
    .bind(i64::from(batch.partition_id.0))
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| Fault::defect("statuses are held of a partition without a row"))?;
    let mut dropped: Drops = column::json("dropped", &dropped)?;
    dropped.merge(&totals.drops);
    sqlx::query(
        "UPDATE partitions SET held = held - ?, stored = stored + ?, dropped = ?
         WHERE stream_id = ? AND partition_id = ?",
    )
    .bind(column::number(totals.stored + totals.drops.total())?)
    .bind(column::number(totals.stored)?)
    .bind(column::to_json(&dropped)?)
    .bind(batch.stream_id.0)
    .bind(i64::from(batch.partition_id.0))
    .execute(connection)
    .await?;
    Ok(())
}
