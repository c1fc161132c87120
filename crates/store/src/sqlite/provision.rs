//! Provisioning on SQLite. The unique keys decide; what they let in is announced.

use std::collections::HashSet;

use rollcall_model::{EventSource, Owner, SubOwner, Timestamp};
use sqlx::SqliteConnection;

use super::Database;
use super::bulk::{Insert, insert_returning};
use super::outbox::announce;
use super::owners::{load, load_sub_owners};
use crate::fault::Result;
use crate::owners::search_text;
use crate::provision::entry::{Entered, Races, Roll, keys, pairs};
use crate::wakes::Wake;
use crate::{Newcomer, Provisioned, column};

const OWNERS: Insert = Insert {
    head: "INSERT INTO owners
               (owner_id, state, display_name, settings, version, created_at, created_by, search)
           VALUES",
    columns: 8,
    tail: "ON CONFLICT DO NOTHING RETURNING owner_id",
};

const SUB_OWNERS: Insert = Insert {
    head: "INSERT INTO sub_owners
               (owner_id, sub_owner_id, state, display_name, settings, version, created_at,
                created_by) VALUES",
    columns: 8,
    tail: "ON CONFLICT DO NOTHING RETURNING owner_id, sub_owner_id",
};

pub(crate) async fn provision(
    database: &Database,
    source: &EventSource,
    newcomers: &[Newcomer],
) -> Result<(Vec<Provisioned>, Races)> {
    let mut writing = database.write().await?;
    let now = database.now();
    let connection = writing.connection();
    let (mut roll, mut races) = (Roll::default(), Races::default());
    let entered = Entered {
        owners: enter_owners(connection, newcomers, &mut roll, &mut races, now).await?,
        sub_owners: enter_sub_owners(connection, newcomers, &mut roll, &mut races, now).await?,
    };
    if entered.is_empty() {
        writing.roll_back().await?;
    } else {
        announce(connection, &entered.announcements(source)).await?;
        writing.commit().await?;
        database.signals().wake(Wake::Outbox);
    }
    Ok((entered.answers(newcomers, &roll)?, races))
}

/// The owners that this transaction entered, by key.
async fn enter_owners(
    connection: &mut SqliteConnection,
    newcomers: &[Newcomer],
    roll: &mut Roll,
    races: &mut Races,
    now: Timestamp,
) -> Result<Vec<Owner>> {
    let ids: Vec<_> = newcomers
        .iter()
        .map(|newcomer| &newcomer.owner_id)
        .collect();
    roll.owners = load(connection, &ids).await?;
    let mut missing = roll.missing_owners(newcomers, now);
    let entered = insert_owners(connection, &missing).await?;
    races.count(missing.len(), entered.len());
    let ids: Vec<_> = missing.iter().map(|owner| &owner.owner_id).collect();
    roll.owners.extend(load(connection, &ids).await?);
    missing.retain(|owner| entered.contains(owner.owner_id.as_str()));
    Ok(missing)
}

async fn insert_owners(
    connection: &mut SqliteConnection,
    owners: &[Owner],
) -> Result<HashSet<String>> {
    let entered: Vec<(String,)> = insert_returning(connection, &OWNERS, owners, |values, owner| {
        values.add(owner.owner_id.as_str())?;
        values.add(owner.state.as_str())?;
        values.add(owner.display_name.as_deref())?;
        values.add(column::to_json(&owner.settings)?)?;
        values.add(owner.version)?;
        values.add(owner.created_at.to_text().as_str())?;
        values.add(owner.created_by.as_str())?;
        values.add(search_text(&owner.owner_id, owner.display_name.as_deref()))
    })
    .await?;
    Ok(entered.into_iter().map(|(owner_id,)| owner_id).collect())
}

/// The sub-owners that this transaction entered, by key.
async fn enter_sub_owners(
    connection: &mut SqliteConnection,
    newcomers: &[Newcomer],
    roll: &mut Roll,
    races: &mut Races,
    now: Timestamp,
) -> Result<Vec<SubOwner>> {
    roll.sub_owners = load_sub_owners(connection, &pairs(newcomers)).await?;
    let mut missing = roll.missing_sub_owners(newcomers, now);
    let entered = insert_sub_owners(connection, &missing).await?;
    races.count(missing.len(), entered.len());
    roll.sub_owners
        .extend(load_sub_owners(connection, &keys(&missing)).await?);
    missing.retain(|sub| {
        let key = (
            sub.owner_id.as_str().to_owned(),
            sub.sub_owner_id.as_str().to_owned(),
        );
        entered.contains(&key)
    });
    Ok(missing)
}

async fn insert_sub_owners(
    connection: &mut SqliteConnection,
    sub_owners: &[SubOwner],
) -> Result<HashSet<(String, String)>> {
    let entered = insert_returning(connection, &SUB_OWNERS, sub_owners, |values, sub| {
        values.add(sub.owner_id.as_str())?;
        values.add(sub.sub_owner_id.as_str())?;
        values.add(sub.state.as_str())?;
        values.add(sub.display_name.as_deref())?;
        values.add(column::to_json(&sub.settings)?)?;
        values.add(sub.version)?;
        values.add(sub.created_at.to_text().as_str())?;
        values.add(sub.created_by.as_str())
    })
    .await?;
    Ok(entered.into_iter().collect())
}
