//! Owners and sub-owners: looked up for the directory, changed by hand.

use std::collections::{BTreeSet, HashMap};

use rollcall_model::{
    CalibrationOverride, EventSource, OutboxEvent, Owner, OwnerId, OwnerState, Settings,
    SubOwnerId, SubOwnerState, Timestamp,
};
use sqlx::SqliteConnection;

use super::Database;
use super::outbox::{Announcement, announce};
use crate::fault::Result;
use crate::owners::{PatchedOwner, patched, search_text};
use crate::{Change, OwnerPatch, OwnerRecord, SubOwnerRecord, column};

type SubOwnerKey = (OwnerId, SubOwnerId);

pub(crate) async fn find(
    database: &Database,
    wanted: &[(OwnerId, Vec<SubOwnerId>)],
) -> Result<Vec<Option<OwnerRecord>>> {
    // One snapshot for both statements.
    let mut reading = database.readers().begin().await?;
    let owners = load(&mut reading, &owner_ids(wanted)).await?;
    let sub_owners = load_sub_owners(&mut reading, &pairs(wanted)).await?;
    reading.commit().await?;
    Ok(wanted
        .iter()
        .map(|(owner_id, sub_owner_ids)| {
            let mut record = owners.get(owner_id)?.clone();
            record.sub_owners = known(owner_id, sub_owner_ids, &sub_owners);
            Some(record)
        })
        .collect())
}

fn owner_ids(wanted: &[(OwnerId, Vec<SubOwnerId>)]) -> Vec<&OwnerId> {
    wanted.iter().map(|(owner_id, _)| owner_id).collect()
}

fn pairs(wanted: &[(OwnerId, Vec<SubOwnerId>)]) -> Vec<(&OwnerId, &SubOwnerId)> {
    let mut pairs = Vec::new();
    for (owner_id, sub_owner_ids) in wanted {
        pairs.extend(
            sub_owner_ids
                .iter()
                .map(|sub_owner_id| (owner_id, sub_owner_id)),
        );
    }
    pairs
}

/// Those of the sub-owners that exist, in the order asked.
pub(super) fn known(
    owner_id: &OwnerId,
    sub_owner_ids: &[SubOwnerId],
    states: &HashMap<SubOwnerKey, SubOwnerState>,
) -> Vec<SubOwnerRecord> {
    sub_owner_ids
        .iter()
        .filter_map(|sub_owner_id| {
            let state = states.get(&(owner_id.clone(), sub_owner_id.clone()))?;
            Some(SubOwnerRecord {
                sub_owner_id: sub_owner_id.clone(),
                state: *state,
            })
        })
        .collect()
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
            if before.state != after.state {
                let event = OutboxEvent::state_changed(source, &after, now);
                announce(connection, &[Announcement::of_owner(owner_id, event)]).await?;
            }
            writing.commit().await?;
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

/// The settings as they are from `after.version` on. An owner that was never changed has no
/// history: its first version is written with its first change, so that a storm of newcomers
/// writes none.
async fn record_history(
    connection: &mut SqliteConnection,
    before: &Owner,
    after: &Owner,
    changed_by: &str,
    now: Timestamp,
) -> Result<()> {
    let first = (before, before.created_at, before.created_by.as_str());
    for (owner, at, by) in [first, (after, now, changed_by)] {
        if owner.version != 1 && owner.version != after.version {
            continue;
        }
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

/// Keeps the copies of the overrides at the sub-owners.
async fn copy_overrides(
    connection: &mut SqliteConnection,
    before: &Owner,
    after: &Owner,
) -> Result<()> {
    let (old, new) = (&before.settings.sub_owners, &after.settings.sub_owners);
    let touched: BTreeSet<&SubOwnerId> = old.keys().chain(new.keys()).collect();
    for sub_owner_id in touched {
        if old.get(sub_owner_id) == new.get(sub_owner_id) {
            continue;
        }
        let settings = new.get(sub_owner_id).cloned();
        let settings: CalibrationOverride = settings.unwrap_or_default();
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
