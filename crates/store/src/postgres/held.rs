//! Held statuses on PostgreSQL: room for them, and their way out.
//!
//! Owners are locked first, then their counts, in the order of the ids, partitions last: as by every
//! other transaction.

use std::collections::{HashMap, HashSet};

use rollcall_model::{Drops, OwnerId, OwnerState, SubOwnerId};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Database, rows};
use crate::commit::fates::{Fates, OwnerStanding, Room, Rows, Totals};
use crate::fault::{Fault, Result};
use crate::held::{CHUNK_ROWS, HeldColumns, HeldRow, Settled, batches, settled, standings};
use crate::{Batch, PendingStatuses, column, held};

/// Says of the pending owners among them how many statuses may still be held, and keeps others from
/// holding any until the transaction ends.
pub(super) async fn make_room(
    connection: &mut PgConnection,
    owners: &mut HashMap<OwnerId, OwnerStanding>,
    policy: PendingStatuses,
) -> Result<()> {
    let pending = owners
        .iter_mut()
        .filter(|(_, owner)| owner.state == OwnerState::Pending);
    let mut pending: Vec<_> = pending.collect();
    if pending.is_empty() {
        return Ok(());
    }
    if let PendingStatuses::Drop = policy {
        for (_, owner) in pending {
            owner.room = Room::beside(0, policy);
        }
        return Ok(());
    }
    pending.sort_unstable_by_key(|(owner_id, _)| *owner_id);
    let ids: Vec<&str> = pending.iter().map(|(id, _)| id.as_str()).collect();
    // The update changes nothing: it locks the row, and returns it as it is by then.
    let counts: Vec<(String, i64)> = sqlx::query_as(
        "INSERT INTO held_counts AS c (owner_id, held) SELECT id, 0 FROM unnest($1::text[]) AS id
         ON CONFLICT (owner_id) DO UPDATE SET held = c.held RETURNING c.owner_id, c.held",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let counts: HashMap<String, i64> = counts.into_iter().collect();
    for (owner_id, owner) in pending {
        let held = counts.get(owner_id.as_str()).copied().unwrap_or(0);
        owner.room = Room::beside(column::count("held", held)?, policy);
    }
    Ok(())
}

/// Counts what a commit holds.
pub(super) async fn count(connection: &mut PgConnection, fates: &Fates<'_>) -> Result<()> {
    let held = fates.held_by_owner();
    if held.is_empty() {
        return Ok(());
    }
    let owners: Vec<&str> = held.iter().map(|(id, _)| id.as_str()).collect();
    let counts = held.iter().map(|(_, count)| column::number(*count));
    sqlx::query(
        "UPDATE held_counts AS c SET held = c.held + more.held
         FROM unnest($1::text[], $2::bigint[]) AS more (owner_id, held)
         WHERE c.owner_id = more.owner_id",
    )
    .bind(owners)
    .bind(counts.collect::<Result<Vec<i64>>>()?)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn to_settle(database: &Database, limit: u32) -> Result<Vec<OwnerId>> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "SELECT c.owner_id FROM held_counts AS c JOIN owners AS o USING (owner_id)
         WHERE c.held > 0 AND o.state <> 'pending' ORDER BY c.owner_id LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(database.readers())
    .await?;
    rows.iter()
        .map(|(owner_id,)| column::owner_id(owner_id))
        .collect()
}

pub(crate) async fn settle(database: &Database, owner_id: &OwnerId) -> Result<Settled> {
    let times = enqueued(database, owner_id).await?;
    if times.is_empty() {
        return Ok(Settled::default());
    }
    database
        .prepare_days(times.into_iter().map(Into::into))
        .await?;
    let settled = write(database, owner_id).await;
    // It may have been for a day that is gone; looking all of them up again costs little.
    if settled.as_ref().is_err_and(|fault| fault.conflict) {
        database.forget_days();
    }
    settled
}

/// When the rows of the next chunk were enqueued, without their lock.
async fn enqueued(database: &Database, owner_id: &OwnerId) -> Result<Vec<OffsetDateTime>> {
    let times = sqlx::query_scalar(
        "SELECT enqueued_at FROM held_statuses WHERE owner_id = $1
         ORDER BY owner_id, stream_id, partition_id, sequence_number LIMIT $2",
    )
    .bind(owner_id.as_str())
    .bind(CHUNK_ROWS)
    .fetch_all(database.readers())
    .await?;
    Ok(times)
}

async fn write(database: &Database, owner_id: &OwnerId) -> Result<Settled> {
    let mut writing = database.write_replay().await?;
    let connection = writing.connection();
    let standing = standing(connection, owner_id).await?;
    let Some(standing) = standing.filter(|owner| owner.state != OwnerState::Pending) else {
        writing.roll_back().await?;
        return Ok(Settled::default());
    };
    lock_count(connection, owner_id).await?;
    // Otherwise all of them go where the owner's state sends them.
    let deleted = match standing.state {
        OwnerState::Active => deleted_sub_owners(connection, owner_id).await?,
        _ => HashSet::new(),
    };
    let batches = batches(take(connection, owner_id).await?, &deleted);
    let due: Vec<&Batch> = batches.iter().collect();
    let owners = standings(owner_id, standing);
    let fates = Rows::of(&due).route(&due, &owners)?;
    rows::copy_statuses(connection, &fates.stored).await?;
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
    connection: &mut PgConnection,
    owner_id: &OwnerId,
) -> Result<Option<OwnerStanding>> {
    let row: Option<(String, i64, String)> =
        sqlx::query_as("SELECT state, version, settings FROM owners WHERE owner_id = $1 FOR SHARE")
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

async fn lock_count(connection: &mut PgConnection, owner_id: &OwnerId) -> Result<()> {
    sqlx::query("SELECT held FROM held_counts WHERE owner_id = $1 FOR UPDATE")
        .bind(owner_id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn deleted_sub_owners(
    connection: &mut PgConnection,
    owner_id: &OwnerId,
) -> Result<HashSet<SubOwnerId>> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT sub_owner_id FROM sub_owners WHERE owner_id = $1 AND state = 'deleted'",
    )
    .bind(owner_id.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|id| column::sub_owner_id(id)).collect()
}

/// Takes the next chunk out.
async fn take(connection: &mut PgConnection, owner_id: &OwnerId) -> Result<Vec<HeldRow>> {
    let rows: Vec<HeldColumns<OffsetDateTime>> = sqlx::query_as(
        "DELETE FROM held_statuses AS h USING (
             SELECT stream_id, partition_id, sequence_number FROM held_statuses
             WHERE owner_id = $1
             ORDER BY owner_id, stream_id, partition_id, sequence_number LIMIT $2) AS next
         WHERE h.stream_id = next.stream_id AND h.partition_id = next.partition_id
           AND h.sequence_number = next.sequence_number
         RETURNING h.stream_id, h.partition_id, h.sequence_number, h.sub_owner_id,
                   h.enqueued_at, h.status_at, h.data",
    )
    .bind(owner_id.as_str())
    .bind(CHUNK_ROWS)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| held::read(owner_id, row, |time: OffsetDateTime| Ok(time.into())))
        .collect()
}

/// Nothing held is no row.
async fn uncount(connection: &mut PgConnection, owner_id: &OwnerId, settled: u64) -> Result<()> {
    let settled = column::number(settled)?;
    sqlx::query("UPDATE held_counts SET held = held - $2 WHERE owner_id = $1")
        .bind(owner_id.as_str())
        .bind(settled)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM held_counts WHERE owner_id = $1 AND held = 0")
        .bind(owner_id.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn move_totals(connection: &mut PgConnection, batch: &Batch, totals: &Totals) -> Result<()> {
    let dropped: String = sqlx::query_scalar(
        "SELECT dropped FROM partitions WHERE stream_id = $1 AND partition_id = $2
         FOR NO KEY UPDATE",
    )
    .bind(batch.stream_id.0)
    .bind(i64::from(batch.partition_id.0))
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| Fault::defect("statuses are held of a partition without a row"))?;
    let mut dropped: Drops = column::json("dropped", &dropped)?;
    dropped.merge(&totals.drops);
    sqlx::query(
        "UPDATE partitions SET held = held - $3, stored = stored + $4, dropped = $5
         WHERE stream_id = $1 AND partition_id = $2",
    )
    .bind(batch.stream_id.0)
    .bind(i64::from(batch.partition_id.0))
    .bind(column::number(totals.stored + totals.drops.total())?)
    .bind(column::number(totals.stored)?)
    .bind(column::to_json(&dropped)?)
    .execute(connection)
    .await?;
    Ok(())
}
