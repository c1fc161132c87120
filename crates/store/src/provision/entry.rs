//! Who is missing and what was entered: rules that no database decides.

use std::collections::{BTreeSet, HashMap, HashSet};

use rollcall_model::{
    CreatedBy, EventSource, OutboxEvent, Owner, OwnerId, OwnerState, SubOwner, SubOwnerId,
    SubOwnerState, Timestamp,
};

use crate::fault::{Fault, Result};
use crate::outbox::Announcement;
use crate::owners::{SubOwnerKey, known};
use crate::provision::new_sub_owner;
use crate::{Newcomer, OwnerRecord, Provisioned};

/// The roll, as far as the newcomers concern it.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    /// Without their sub-owners.
    pub(crate) owners: HashMap<OwnerId, OwnerRecord>,
    pub(crate) sub_owners: HashMap<SubOwnerKey, SubOwnerState>,
}

/// What a transaction entered, each by key.
#[derive(Debug, Default)]
pub(crate) struct Entered {
    pub(crate) owners: Vec<Owner>,
    pub(crate) sub_owners: Vec<SubOwner>,
}

/// How many were missing when they were looked up and met the unique key: it let them in, or
/// another transaction had them by then.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Races {
    pub(crate) won: u64,
    pub(crate) lost: u64,
}

impl Races {
    pub(crate) fn count(&mut self, tried: usize, entered: usize) {
        self.won += entered as u64;
        self.lost += tried.saturating_sub(entered) as u64;
    }
}

impl Roll {
    /// The owners to enter, by key.
    pub(crate) fn missing_owners(&self, newcomers: &[Newcomer], now: Timestamp) -> Vec<Owner> {
        let mut missing: Vec<Owner> = newcomers
            .iter()
            .filter(|newcomer| !self.owners.contains_key(&newcomer.owner_id))
            .map(|newcomer| newcomer.owner(now))
            .collect();
        missing.sort_unstable_by(|a, b| a.owner_id.cmp(&b.owner_id));
        missing
    }

    /// The sub-owners to enter, by key, each once; none below an owner that is deleted.
    pub(crate) fn missing_sub_owners(
        &self,
        newcomers: &[Newcomer],
        now: Timestamp,
    ) -> Vec<SubOwner> {
        let mut missing = Vec::new();
        for newcomer in newcomers {
            let Some(owner) = self.owners.get(&newcomer.owner_id) else {
                continue;
            };
            if owner.state == OwnerState::Deleted {
                continue;
            }
            let distinct: BTreeSet<&SubOwnerId> = newcomer.sub_owner_ids.iter().collect();
            let unknown = distinct.into_iter().filter(|sub_owner_id| {
                let key = (newcomer.owner_id.clone(), (*sub_owner_id).clone());
                !self.sub_owners.contains_key(&key)
            });
            let created_by: CreatedBy = newcomer.sub_owners_created_by;
            missing.extend(unknown.map(|id| new_sub_owner(owner, id, created_by, now)));
        }
        missing.sort_unstable_by(|a, b| {
            (&a.owner_id, &a.sub_owner_id).cmp(&(&b.owner_id, &b.sub_owner_id))
        });
        missing
    }
}

impl Entered {
    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty() && self.sub_owners.is_empty()
    }

    /// One created event per row, the owners' before their sub-owners'.
    pub(crate) fn announcements(&self, source: &EventSource) -> Vec<Announcement<'_>> {
        let of_owners = self.owners.iter().map(|owner| {
            let event = OutboxEvent::owner_created(source, owner);
            Announcement::of_owner(&owner.owner_id, event)
        });
        let of_sub_owners = self.sub_owners.iter().map(|sub| {
            let event = OutboxEvent::sub_owner_created(source, sub);
            Announcement::of_sub_owner(&sub.owner_id, &sub.sub_owner_id, event)
        });
        of_owners.chain(of_sub_owners).collect()
    }

    /// What each newcomer is told, in the order asked; `roll` is how it stands by now.
    pub(crate) fn answers(&self, newcomers: &[Newcomer], roll: &Roll) -> Result<Vec<Provisioned>> {
        let created: HashSet<&OwnerId> = self.owners.iter().map(|owner| &owner.owner_id).collect();
        let mut below: HashMap<&OwnerId, usize> = HashMap::new();
        for sub_owner in &self.sub_owners {
            *below.entry(&sub_owner.owner_id).or_default() += 1;
        }
        let answer = |newcomer: &Newcomer| {
            let owner_id = &newcomer.owner_id;
            let owner = roll
                .owners
                .get(owner_id)
                .ok_or_else(|| Fault::defect(format!("the owner {owner_id} vanished")))?;
            Ok(Provisioned {
                record: OwnerRecord {
                    sub_owners: known(owner_id, &newcomer.sub_owner_ids, &roll.sub_owners),
                    ..owner.clone()
                },
                created: created.contains(owner_id),
                sub_owners_created: below.get(owner_id).copied().unwrap_or_default(),
            })
        };
        newcomers.iter().map(answer).collect()
    }
}

/// Every sub-owner asked for, with its owner.
pub(crate) fn pairs(newcomers: &[Newcomer]) -> Vec<(&OwnerId, &SubOwnerId)> {
    let mut pairs = Vec::new();
    for newcomer in newcomers {
        let ids = newcomer.sub_owner_ids.iter();
        pairs.extend(ids.map(|sub_owner_id| (&newcomer.owner_id, sub_owner_id)));
    }
    pairs
}

pub(crate) fn keys(sub_owners: &[SubOwner]) -> Vec<(&OwnerId, &SubOwnerId)> {
    let keys = sub_owners.iter();
    keys.map(|sub| (&sub.owner_id, &sub.sub_owner_id)).collect()
}
