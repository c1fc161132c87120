//! Owners and sub-owners: looked up for the directory, changed by hand.

use std::collections::HashMap;

use rollcall_model::{
    EventSource, OutboxEvent, Owner, OwnerId, SubOwnerId, SubOwnerState, Timestamp,
};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::outbox::announce;
use super::wakes::notify;
use super::{Database, now};
use crate::fault::Result;
use crate::outbox::Announcement;
use crate::owners::{
    PatchedOwner, SubOwnerKey, changed_overrides, found, history, owner_ids, pairs, patched,
    search_text,
};
use crate::wakes::Wake;
use crate::{Change, OwnerPatch, OwnerRecord, column};

/// Id, state, version, who brought it, settings.
type OwnerColumns = (String, String, i64, String, String);

pub(crate) async fn find(
    database: &Database,
    wanted: &[(OwnerId, Vec<SubOwnerId>)],
) -> Result<Vec<Option<OwnerRecord>>> {
    let mut snapshot = database.snapshot().await?;
    let owners = load(&mut snapshot, &owner_ids(wanted)).await?;
    let sub_owners = load_sub_owners(&mut snapshot, &pairs(wanted)).await?;
    snapshot.commit().await?;
    Ok(found(wanted, &owners, &sub_owners))
}

/// The owners that exist, without their sub-owners. As every statement that takes many keys, this
/// looks each of them up: the planner knows nothing of an array's contents, and a plan that it made
/// while the table was small would compare each of many owners with each of many keys.
pub(super) async fn load(
    connection: &mut PgConnection,
    wanted: &[&OwnerId],
) -> Result<HashMap<OwnerId, OwnerRecord>> {
    let rows = sqlx::query_as(
        "SELECT o.* FROM unnest($1::text[]) AS w (owner_id) CROSS JOIN LATERAL (
             SELECT owner_id, state, version, created_by, settings FROM owners
             WHERE owner_id = w.owner_id LIMIT 1) AS o",
    )
    .bind(texts(wanted))
    .fetch_all(connection)
    .await?;
    read(rows)
}

/// As [`load`]; and until the transaction ends, nobody changes them. Locks are taken in the order
/// of the ids.
pub(super) async fn load_shared(
    connection: &mut PgConnection,
    wanted: &[&OwnerId],
) -> Result<HashMap<OwnerId, OwnerRecord>> {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    let rows = sqlx::query_as(
        "SELECT o.* FROM unnest($1::text[]) AS w (owner_id) CROSS JOIN LATERAL (
             SELECT owner_id, state, version, created_by, settings FROM owners
             WHERE owner_id = w.owner_id LIMIT 1 FOR SHARE) AS o",
    )
    .bind(texts(&wanted))
    .fetch_all(connection)
    .await?;
    read(rows)
}

fn texts<'i>(ids: &[&'i OwnerId]) -> Vec<&'i str> {
    ids.iter().map(|id| id.as_str()).collect()
}

fn read(rows: Vec<OwnerColumns>) -> Result<HashMap<OwnerId, OwnerRecord>> {
    rows.into_iter()
        .map(|(owner_id, state, version, created_by, settings)| {
            let owner_id = column::owner_id(&owner_id)?;
            let record = OwnerRecord {
                owner_id: owner_id.clone(),
                state: column::name("state", &state)?,
                version,
                created_by: column::name("created_by", &created_by)?,
                settings: column::json("settings", &settings)?,
                sub_owners: Vec::new(),
            };
            Ok((owner_id, record))
        })
        .collect()
}

/// The states of the sub-owners that exist.
pub(super) async fn load_sub_owners(
    connection: &mut PgConnection,
    wanted: &[(&OwnerId, &SubOwnerId)],
) -> Result<HashMap<SubOwnerKey, SubOwnerState>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (owners, sub_owners): (Vec<&str>, Vec<&str>) = wanted
        .iter()
        .map(|(owner_id, sub_owner_id)| (owner_id.as_str(), sub_owner_id.as_str()))
        .unzip();
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT w.owner_id, w.sub_owner_id, s.state
         FROM unnest($1::text[], $2::text[]) AS w (owner_id, sub_owner_id)
         CROSS JOIN LATERAL (
             SELECT state FROM sub_owners
             WHERE owner_id = w.owner_id AND sub_owner_id = w.sub_owner_id LIMIT 1) AS s",
    )
    .bind(owners)
    .bind(sub_owners)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(owner_id, sub_owner_id, state)| {
            let key = (
                column::owner_id(&owner_id)?,
                column::sub_owner_id(&sub_owner_id)?,
            );
            Ok((key, column::name("state", &state)?))
        })
        .collect()
}

pub(crate) async fn change(
    database: &Database,
    source: &EventSource,
    owner_id: &OwnerId,
    patch: &OwnerPatch,
) -> Result<Change> {
    let mut writing = database.write().await?;
    let before = locked(writing.connection(), owner_id).await?;
    // After the wait for the lock.
    let now = now(writing.connection()).await?;
    let change = match patched(before.as_ref(), patch) {
        PatchedOwner::Refused(refusal) => Change::Refused(refusal),
        PatchedOwner::Same(owner) => Change::Done(owner),
        PatchedOwner::Changed { before, after } => {
            let connection = writing.connection();
            update(connection, &after).await?;
            record_history(connection, &before, &after, &patch.changed_by, now).await?;
            copy_overrides(connection, &before, &after).await?;
            set_sub_owner_state(connection, owner_id, patch).await?;
            if before.state != after.state {
                let event = OutboxEvent::state_changed(source, &after, now);
                announce(connection, &[Announcement::of_owner(owner_id, event)]).await?;
            }
            notify(connection, Wake::Owners).await?;
            writing.commit().await?;
            return Ok(Change::Done(after));
        }
    };
    writing.roll_back().await?;
    Ok(change)
}

/// The owner as it stands; nobody else changes it, and no commit counts on it, until the
/// transaction ends.
async fn locked(connection: &mut PgConnection, owner_id: &OwnerId) -> Result<Option<Owner>> {
    let row: Option<(String, Option<String>, String, i64, OffsetDateTime, String)> =
        sqlx::query_as(
            "SELECT state, display_name, settings, version, created_at, created_by
             FROM owners WHERE owner_id = $1 FOR NO KEY UPDATE",
        )
        .bind(owner_id.as_str())
        .fetch_optional(connection)
        .await?;
    row.map(
        |(state, display_name, settings, version, created_at, created_by)| {
            Ok(Owner {
                owner_id: owner_id.clone(),
                state: column::name("state", &state)?,
                display_name,
                settings: column::json("settings", &settings)?,
                version,
                created_at: created_at.into(),
                created_by: column::name("created_by", &created_by)?,
            })
        },
    )
    .transpose()
}

async fn update(connection: &mut PgConnection, after: &Owner) -> Result<()> {
    sqlx::query(
        "UPDATE owners SET state = $1, display_name = $2, settings = $3, version = $4, search = $5
         WHERE owner_id = $6",
    )
    .bind(after.state.as_str())
    .bind(&after.display_name)
    .bind(column::to_json(&after.settings)?)
    .bind(after.version)
    .bind(search_text(&after.owner_id, after.display_name.as_deref()))
    .bind(after.owner_id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

async fn record_history(
    connection: &mut PgConnection,
    before: &Owner,
    after: &Owner,
    changed_by: &str,
    now: Timestamp,
) -> Result<()> {
    for (owner, at, by) in history(before, after, changed_by, now) {
        sqlx::query(
            "INSERT INTO settings_history (owner_id, version, settings, changed_at, changed_by)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(owner.owner_id.as_str())
        .bind(owner.version)
        .bind(column::to_json(&owner.settings)?)
        .bind(at.to_offset())
        .bind(by)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn set_sub_owner_state(
    connection: &mut PgConnection,
    owner_id: &OwnerId,
    patch: &OwnerPatch,
) -> Result<()> {
    let Some((sub_owner_id, state)) = &patch.sub_owner_state else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE sub_owners SET state = $1, version = version + 1
         WHERE owner_id = $2 AND sub_owner_id = $3",
    )
    .bind(state.as_str())
    .bind(owner_id.as_str())
    .bind(sub_owner_id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps the copies of the overrides at the sub-owners.
async fn copy_overrides(
    connection: &mut PgConnection,
    before: &Owner,
    after: &Owner,
) -> Result<()> {
    for (sub_owner_id, settings) in changed_overrides(before, after) {
        sqlx::query(
            "UPDATE sub_owners SET settings = $1, version = version + 1
             WHERE owner_id = $2 AND sub_owner_id = $3",
        )
        .bind(column::to_json(&settings)?)
        .bind(after.owner_id.as_str())
        .bind(sub_owner_id.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
