//! Owners and sub-owners: looked up for the directory, changed by hand.

use std::collections::HashMap;

use rollcall_model::{
    EventSource, OutboxEvent, Owner, OwnerId, OwnerState, Settings, SubOwnerId, SubOwnerState,
    Timestamp,
};
use sqlx::SqliteConnection;

use super::Database;
use super::outbox::announce;
use crate::fault::Result;
use crate::outbox::Announcement;
use crate::owners::{
    PatchedOwner, SubOwnerKey, changed_overrides, found, history, owner_ids, pairs, patched,
    search_text,
};
use crate::wakes::Wake;
use crate::{Change, OwnerPatch, OwnerRecord, column};

pub(crate) async fn find(
    database: &Database,
    wanted: &[(OwnerId, Vec<SubOwnerId>)],
) -> Result<Vec<Option<OwnerRecord>>> {
    // One snapshot for both statements.
    let mut reading = database.readers().begin().await?;
    let owners = load(&mut reading, &owner_ids(wanted)).await?;
    let sub_owners = load_sub_owners(&mut reading, &pairs(wanted)).await?;
    reading.commit().await?;
    Ok(found(wanted, &owners, &sub_owners))
}

/// The owners that exist, without their sub-owners.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    wanted: &[&OwnerId],
) -> Result<HashMap<OwnerId, OwnerRecord>> {
    let rows: Vec<(String, String, i64, String, String)> = sqlx::query_as(
        "SELECT owner_id, state, version, created_by, settings FROM owners
         WHERE owner_id IN (SELECT value FROM json_each(?))",
    )
    .bind(column::to_json(wanted)?)
    .fetch_all(connection)
    .await?;
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
    connection: &mut SqliteConnection,
    wanted: &[(&OwnerId, &SubOwnerId)],
) -> Result<HashMap<SubOwnerKey, SubOwnerState>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT s.owner_id, s.sub_owner_id, s.state
         FROM json_each(?) AS w CROSS JOIN sub_owners AS s
         WHERE s.owner_id = w.value ->> 0 AND s.sub_owner_id = w.value ->> 1",
    )
    .bind(column::to_json(wanted)?)
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
    let now = database.now();
    let before = owner(writing.connection(), owner_id).await?;
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
            writing.commit().await?;
            database.signals().wake(Wake::Owners);
            database.signals().wake(Wake::Outbox);
            return Ok(Change::Done(after));
        }
    };
    writing.roll_back().await?;
    Ok(change)
}

async fn owner(connection: &mut SqliteConnection, owner_id: &OwnerId) -> Result<Option<Owner>> {
    let row: Option<(String, Option<String>, String, i64, String, String)> = sqlx::query_as(
        "SELECT state, display_name, settings, version, created_at, created_by
         FROM owners WHERE owner_id = ?",
    )
    .bind(owner_id.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(
        |(state, display_name, settings, version, created_at, created_by)| {
            Ok(Owner {
                owner_id: owner_id.clone(),
                state: column::name::<OwnerState>("state", &state)?,
                display_name,
                settings: column::json::<Settings>("settings", &settings)?,
                version,
                created_at: column::timestamp("created_at", &created_at)?,
                created_by: column::name("created_by", &created_by)?,
            })
        },
    )
    .transpose()
}

async fn update(connection: &mut SqliteConnection, after: &Owner) -> Result<()> {
    sqlx::query(
        "UPDATE owners SET state = ?, display_name = ?, settings = ?, version = ?, search = ?
         WHERE owner_id = ?",
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
    connection: &mut SqliteConnection,
    before: &Owner,
    after: &Owner,
    changed_by: &str,
    now: Timestamp,
) -> Result<()> {
    for (owner, at, by) in history(before, after, changed_by, now) {
        sqlx::query(
            "INSERT INTO settings_history (owner_id, version, settings, changed_at, changed_by)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(owner.owner_id.as_str())
        .bind(owner.version)
        .bind(column::to_json(&owner.settings)?)
        .bind(at.to_string())
        .bind(by)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn set_sub_owner_state(
    connection: &mut SqliteConnection,
    owner_id: &OwnerId,
    patch: &OwnerPatch,
) -> Result<()> {
    let Some((sub_owner_id, state)) = &patch.sub_owner_state else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE sub_owners SET state = ?, version = version + 1
         WHERE owner_id = ? AND sub_owner_id = ?",
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
    connection: &mut SqliteConnection,
    before: &Owner,
    after: &Owner,
) -> Result<()> {
    for (sub_owner_id, settings) in changed_overrides(before, after) {
        sqlx::query(
            "UPDATE sub_owners SET settings = ?, version = version + 1
             WHERE owner_id = ? AND sub_owner_id = ?",
        )
        .bind(column::to_json(&settings)?)
        .bind(after.owner_id.as_str())
        .bind(sub_owner_id.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
