//! Provisioning on SQLite. The unique keys decide; what they let in is announced.

use std::collections::{BTreeSet, HashMap, HashSet};

use rollcall_model::{
    EventSource, OutboxEvent, Owner, OwnerId, OwnerState, SubOwner, SubOwnerId, SubOwnerState,
    Timestamp,
};
use sqlx::SqliteConnection;

use super::Database;
use super::bulk::{Insert, insert_returning};
use super::outbox::{Announcement, announce};
use super::owners::{known, load, load_sub_owners};
use crate::fault::{Fault, Result};
use crate::owners::search_text;
use crate::provision::new_sub_owner;
use crate::{Newcomer, OwnerRecord, Provisioned, column};

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
) -> Result<Vec<Provisioned>> {
    let mut writing = database.write().await?;
    let now = database.now();
    let connection = writing.connection();
    let (created, owners) = enter_owners(connection, newcomers, now).await?;
    let (created_below, states) = enter_sub_owners(connection, newcomers, &owners, now).await?;
    if created.is_empty() && created_below.is_empty() {
        writing.roll_back().await?;
    } else {
        announce_all(connection, source, &created, &created_below).await?;
        writing.commit().await?;
    }
    let entered = Entered {
        owners: created.iter().map(|owner| &owner.owner_id).collect(),
        sub_owners: count_by_owner(&created_below),
    };
    newcomers
        .iter()
        .map(|newcomer| entered.answer(newcomer, &owners, &states))
        .collect()
}

/// The owners that this transaction entered, by key, and all that were asked for as they stand.
async fn enter_owners(
    connection: &mut SqliteConnection,
    newcomers: &[Newcomer],
    now: Timestamp,
) -> Result<(Vec<Owner>, HashMap<OwnerId, OwnerRecord>)> {
    let ids: Vec<_> = newcomers
        .iter()
        .map(|newcomer| &newcomer.owner_id)
        .collect();
    let mut owners = load(connection, &ids).await?;
    let mut missing: Vec<Owner> = newcomers
        .iter()
        .filter(|newcomer| !owners.contains_key(&newcomer.owner_id))
        .map(|newcomer| newcomer.owner(now))
        .collect();
    missing.sort_unstable_by(|a, b| a.owner_id.cmp(&b.owner_id));
    let entered = insert_owners(connection, &missing).await?;
    let ids: Vec<_> = missing.iter().map(|owner| &owner.owner_id).collect();
    owners.extend(load(connection, &ids).await?);
    missing.retain(|owner| entered.contains(owner.owner_id.as_str()));
    Ok((missing, owners))
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

/// The sub-owners that this transaction entered, by key, and the states of all that were asked for
/// and exist.
async fn enter_sub_owners(
    connection: &mut SqliteConnection,
    newcomers: &[Newcomer],
    owners: &HashMap<OwnerId, OwnerRecord>,
    now: Timestamp,
) -> Result<(Vec<SubOwner>, HashMap<(OwnerId, SubOwnerId), SubOwnerState>)> {
    let mut states = load_sub_owners(connection, &pairs(newcomers)).await?;
    let mut missing = missing_below(newcomers, owners, &states, now);
    let entered = insert_sub_owners(connection, &missing).await?;
    states.extend(load_sub_owners(connection, &keys(&missing)).await?);
    missing.retain(|sub| {
        let key = (
            sub.owner_id.as_str().to_owned(),
            sub.sub_owner_id.as_str().to_owned(),
        );
        entered.contains(&key)
    });
    Ok((missing, states))
}

fn pairs(newcomers: &[Newcomer]) -> Vec<(&OwnerId, &SubOwnerId)> {
    let mut pairs = Vec::new();
    for newcomer in newcomers {
        let ids = newcomer.sub_owner_ids.iter();
        pairs.extend(ids.map(|sub_owner_id| (&newcomer.owner_id, sub_owner_id)));
    }
    pairs
}

fn keys(sub_owners: &[SubOwner]) -> Vec<(&OwnerId, &SubOwnerId)> {
    let keys = sub_owners.iter();
    keys.map(|sub| (&sub.owner_id, &sub.sub_owner_id)).collect()
}

/// The sub-owners to enter, by key, each once; none below an owner that is deleted.
fn missing_below(
    newcomers: &[Newcomer],
    owners: &HashMap<OwnerId, OwnerRecord>,
    states: &HashMap<(OwnerId, SubOwnerId), SubOwnerState>,
    now: Timestamp,
) -> Vec<SubOwner> {
    let mut missing = Vec::new();
    for newcomer in newcomers {
        let Some(owner) = owners.get(&newcomer.owner_id) else {
            continue;
        };
        if owner.state == OwnerState::Deleted {
            continue;
        }
        let distinct: BTreeSet<&SubOwnerId> = newcomer.sub_owner_ids.iter().collect();
        let unknown = distinct.into_iter().filter(|sub_owner_id| {
            !states.contains_key(&(newcomer.owner_id.clone(), (*sub_owner_id).clone()))
        });
        let created_by = newcomer.sub_owners_created_by;
        missing.extend(unknown.map(|id| new_sub_owner(owner, id, created_by, now)));
    }
    missing.sort_unstable_by(|a, b| {
        (&a.owner_id, &a.sub_owner_id).cmp(&(&b.owner_id, &b.sub_owner_id))
    });
    missing
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

/// One created event per row that this transaction entered, the owners' before their sub-owners'.
async fn announce_all(
    connection: &mut SqliteConnection,
    source: &EventSource,
    owners: &[Owner],
    sub_owners: &[SubOwner],
) -> Result<()> {
    let of_owners = owners.iter().map(|owner| {
        let event = OutboxEvent::owner_created(source, owner);
        Announcement::of_owner(&owner.owner_id, event)
    });
    let of_sub_owners = sub_owners.iter().map(|sub| {
        let event = OutboxEvent::sub_owner_created(source, sub);
        Announcement::of_sub_owner(&sub.owner_id, &sub.sub_owner_id, event)
    });
    let announcements: Vec<_> = of_owners.chain(of_sub_owners).collect();
    announce(connection, &announcements).await
}

/// What this transaction entered.
struct Entered<'e> {
    owners: HashSet<&'e OwnerId>,
    sub_owners: HashMap<&'e OwnerId, usize>,
}

fn count_by_owner(sub_owners: &[SubOwner]) -> HashMap<&OwnerId, usize> {
    let mut counts = HashMap::new();
    for sub_owner in sub_owners {
        *counts.entry(&sub_owner.owner_id).or_default() += 1;
    }
    counts
}

impl Entered<'_> {
    fn answer(
        &self,
        newcomer: &Newcomer,
        owners: &HashMap<OwnerId, OwnerRecord>,
        states: &HashMap<(OwnerId, SubOwnerId), SubOwnerState>,
    ) -> Result<Provisioned> {
        let owner_id = &newcomer.owner_id;
        let owner = owners
            .get(owner_id)
            .ok_or_else(|| Fault::defect(format!("the owner {owner_id} vanished")))?;
        Ok(Provisioned {
            record: OwnerRecord {
                sub_owners: known(owner_id, &newcomer.sub_owner_ids, states),
                ..owner.clone()
            },
            created: self.owners.contains(owner_id),
            sub_owners_created: self.sub_owners.get(owner_id).copied().unwrap_or_default(),
        })
    }
}
