//! Provisioning on PostgreSQL. The unique keys decide; what they let in is announced.
//!
//! Transactions that meet the same newcomers wait for each other at the unique keys, and none
//! waits in a circle: all enter owners first, then lock the known ones, then enter sub-owners, and
//! each of the three goes by the order of the key. What another one had entered is read by a later
//! statement, whose snapshot has it.

use std::collections::HashSet;

use rollcall_model::{EventSource, Owner, OwnerId, SubOwner, SubOwnerId};
use sqlx::PgConnection;

use super::outbox::announce;
use super::owners::{load, load_shared, load_sub_owners};
use super::{Database, now};
use crate::fault::Result;
use crate::owners::search_text;
use crate::provision::entry::{Entered, Races, Roll, keys, pairs};
use crate::{Newcomer, OwnerRecord, Provisioned, column};

pub(crate) async fn provision(
    database: &Database,
    source: &EventSource,
    newcomers: &[Newcomer],
) -> Result<(Vec<Provisioned>, Races)> {
    let mut writing = database.write().await?;
    let mut provisioning = Provisioning {
        connection: writing.connection(),
        newcomers,
        roll: Roll::default(),
        entered: Entered::default(),
        races: Races::default(),
    };
    provisioning.enter_owners().await?;
    provisioning.enter_sub_owners().await?;
    let Provisioning {
        roll,
        entered,
        races,
        ..
    } = provisioning;
    if entered.is_empty() {
        writing.roll_back().await?;
    } else {
        announce(writing.connection(), &entered.announcements(source)).await?;
        writing.commit().await?;
    }
    Ok((entered.answers(newcomers, &roll)?, races))
}

struct Provisioning<'p> {
    connection: &'p mut PgConnection,
    newcomers: &'p [Newcomer],
    roll: Roll,
    entered: Entered,
    races: Races,
}

impl Provisioning<'_> {
    async fn enter_owners(&mut self) -> Result<()> {
        let ids: Vec<_> = self.newcomers.iter().map(|n| &n.owner_id).collect();
        self.roll.owners = load(self.connection, &ids).await?;
        let now = now(self.connection).await?;
        let missing = self.roll.missing_owners(self.newcomers, now);
        let entered = insert_owners(self.connection, &missing).await?;
        self.races.count(missing.len(), entered.len());
        let (own, others): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|owner| entered.contains(owner.owner_id.as_str()));
        let ids: Vec<_> = others.iter().map(|owner| &owner.owner_id).collect();
        if !ids.is_empty() {
            let found = load(self.connection, &ids).await?;
            self.roll.owners.extend(found);
        }
        let records = own
            .iter()
            .map(|owner| (owner.owner_id.clone(), record(owner)));
        self.roll.owners.extend(records);
        self.entered.owners = own;
        Ok(())
    }

    async fn enter_sub_owners(&mut self) -> Result<()> {
        let known =
            load_sub_owners(self.connection, &below_known(self.newcomers, &self.entered)).await?;
        self.roll.sub_owners = known;
        let missing = self.lock_and_find_missing().await?;
        let entered = insert_sub_owners(self.connection, &missing).await?;
        self.races.count(missing.len(), entered.len());
        let (own, others): (Vec<_>, Vec<_>) = missing.into_iter().partition(|sub| {
            entered.contains(&(
                sub.owner_id.as_str().to_owned(),
                sub.sub_owner_id.as_str().to_owned(),
            ))
        });
        let found = load_sub_owners(self.connection, &keys(&others)).await?;
        self.roll.sub_owners.extend(found);
        let states = own.iter().map(|sub| {
            let key = (sub.owner_id.clone(), sub.sub_owner_id.clone());
            (key, sub.state)
        });
        self.roll.sub_owners.extend(states);
        self.entered.sub_owners = own;
        Ok(())
    }

    /// An owner that was known may be deleted meanwhile: from here on it is not.
    async fn lock_and_find_missing(&mut self) -> Result<Vec<SubOwner>> {
        let now = now(self.connection).await?;
        let missing = self.roll.missing_sub_owners(self.newcomers, now);
        let own = own(&self.entered);
        let mut known: Vec<&OwnerId> = missing.iter().map(|sub| &sub.owner_id).collect();
        known.dedup();
        known.retain(|owner_id| !own.contains(owner_id));
        if known.is_empty() {
            return Ok(missing);
        }
        let locked = load_shared(self.connection, &known).await?;
        self.roll.owners.extend(locked);
        Ok(self.roll.missing_sub_owners(self.newcomers, now))
    }
}

/// Nobody else can have entered anything below an owner that this transaction entered.
fn below_known<'n>(
    newcomers: &'n [Newcomer],
    entered: &Entered,
) -> Vec<(&'n OwnerId, &'n SubOwnerId)> {
    let own = own(entered);
    let mut pairs = pairs(newcomers);
    pairs.retain(|(owner_id, _)| !own.contains(owner_id));
    pairs
}

fn own(entered: &Entered) -> HashSet<&OwnerId> {
    let own = entered.owners.iter();
    own.map(|owner| &owner.owner_id).collect()
}

fn record(owner: &Owner) -> OwnerRecord {
    OwnerRecord {
        owner_id: owner.owner_id.clone(),
        state: owner.state,
        version: owner.version,
        created_by: owner.created_by,
        settings: owner.settings.clone(),
        sub_owners: Vec::new(),
    }
}

async fn insert_owners(connection: &mut PgConnection, owners: &[Owner]) -> Result<HashSet<String>> {
    if owners.is_empty() {
        return Ok(HashSet::new());
    }
    let settings = owners.iter().map(|owner| column::to_json(&owner.settings));
    let entered: Vec<(String,)> = sqlx::query_as(
        "INSERT INTO owners
             (owner_id, state, display_name, settings, version, created_at, created_by, search)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[],
                              $6::timestamptz[], $7::text[], $8::text[])
         ON CONFLICT DO NOTHING RETURNING owner_id",
    )
    .bind(column_of(owners, |owner| owner.owner_id.as_str()))
    .bind(column_of(owners, |owner| owner.state.as_str()))
    .bind(column_of(owners, |owner| owner.display_name.as_deref()))
    .bind(settings.collect::<Result<Vec<_>>>()?)
    .bind(column_of(owners, |owner| owner.version))
    .bind(column_of(owners, |owner| owner.created_at.to_offset()))
    .bind(column_of(owners, |owner| owner.created_by.as_str()))
    .bind(column_of(owners, |owner| {
        search_text(&owner.owner_id, owner.display_name.as_deref())
    }))
    .fetch_all(connection)
    .await?;
    Ok(entered.into_iter().map(|(owner_id,)| owner_id).collect())
}

async fn insert_sub_owners(
    connection: &mut PgConnection,
    sub_owners: &[SubOwner],
) -> Result<HashSet<(String, String)>> {
    if sub_owners.is_empty() {
        return Ok(HashSet::new());
    }
    let settings = sub_owners.iter().map(|sub| column::to_json(&sub.settings));
    let entered: Vec<(String, String)> = sqlx::query_as(
        "INSERT INTO sub_owners
             (owner_id, sub_owner_id, state, display_name, settings, version, created_at,
              created_by)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                              $6::bigint[], $7::timestamptz[], $8::text[])
         ON CONFLICT DO NOTHING RETURNING owner_id, sub_owner_id",
    )
    .bind(column_of(sub_owners, |sub| sub.owner_id.as_str()))
    .bind(column_of(sub_owners, |sub| sub.sub_owner_id.as_str()))
    .bind(column_of(sub_owners, |sub| sub.state.as_str()))
    .bind(column_of(sub_owners, |sub| sub.display_name.as_deref()))
    .bind(settings.collect::<Result<Vec<_>>>()?)
    .bind(column_of(sub_owners, |sub| sub.version))
    .bind(column_of(sub_owners, |sub| sub.created_at.to_offset()))
    .bind(column_of(sub_owners, |sub| sub.created_by.as_str()))
    .fetch_all(connection)
    .await?;
    Ok(entered.into_iter().collect())
}

/// One column of the rows.
fn column_of<'r, Row, T>(rows: &'r [Row], value: impl Fn(&'r Row) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
