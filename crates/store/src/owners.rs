//! Owners and sub-owners: loaded for the directory, changed by hand.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rollcall_model::{
    CalibrationOverride, CreatedBy, EventSource, Owner, OwnerId, OwnerState, Settings, SubOwnerId,
    SubOwnerState, Timestamp,
};

use crate::store::{Backend, Operation};
use crate::{Error, Store, postgres, sqlite};

/// What the directory keeps of an owner: enough to decide and to calibrate.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnerRecord {
    pub owner_id: OwnerId,
    pub state: OwnerState,
    pub version: i64,
    pub created_by: CreatedBy,
    pub settings: Settings,
    pub sub_owners: Vec<SubOwnerRecord>,
}

/// What the directory keeps of a sub-owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubOwnerRecord {
    pub sub_owner_id: SubOwnerId,
    pub state: SubOwnerState,
}

/// A change by hand. Absent parts stay as they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OwnerPatch {
    /// `Some(None)` takes the name away.
    pub display_name: Option<Option<String>>,
    /// Replaces the whole settings (the caller merges).
    pub settings: Option<Settings>,
    pub state: Option<OwnerState>,
    /// Of one sub-owner, which the caller has seen in another state; so `if_version` belongs to it.
    pub sub_owner_state: Option<(SubOwnerId, SubOwnerState)>,
    /// Only if the owner still has this version.
    pub if_version: Option<i64>,
    /// Who changes it, for the history.
    pub changed_by: String,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The owner after the change; its version grew by one unless nothing differed.
    Done(Owner),
    Refused(ChangeRefusal),
}

/// Why a change is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRefusal {
    NotFound,
    /// `if_version` is not the owner's version.
    VersionMismatch {
        version: i64,
    },
    /// A deleted owner takes no change but a restore.
    Deleted,
}

/// What a patch makes of an owner.
pub(crate) enum PatchedOwner {
    Refused(ChangeRefusal),
    /// Nothing differs.
    Same(Owner),
    Changed {
        before: Owner,
        /// With the next version.
        after: Owner,
    },
}

/// Applies `patch` to the owner as it stands.
pub(crate) fn patched(owner: Option<&Owner>, patch: &OwnerPatch) -> PatchedOwner {
    let Some(before) = owner else {
        return PatchedOwner::Refused(ChangeRefusal::NotFound);
    };
    let version = before.version;
    if patch.if_version.is_some_and(|expected| expected != version) {
        return PatchedOwner::Refused(ChangeRefusal::VersionMismatch { version });
    }
    let mut after = before.clone();
    if let Some(display_name) = &patch.display_name {
        after.display_name.clone_from(display_name);
    }
    if let Some(settings) = &patch.settings {
        after.settings.clone_from(settings);
    }
    after.state = patch.state.unwrap_or(before.state);
    if after == *before && patch.sub_owner_state.is_none() {
        return PatchedOwner::Same(after);
    }
    if after.state == OwnerState::Deleted && before.state == OwnerState::Deleted {
        return PatchedOwner::Refused(ChangeRefusal::Deleted);
    }
    after.version += 1;
    PatchedOwner::Changed {
        before: before.clone(),
        after,
    }
}

/// The id and the name in lower case: what a search by part of them reads, alike on every
/// database.
pub(crate) fn search_text(owner_id: &OwnerId, display_name: Option<&str>) -> String {
    // An id has no line break, so that no match spans id and name.
    format!("{owner_id}\n{}", display_name.unwrap_or_default()).to_lowercase()
}

/// A sub-owner on the roll.
pub(crate) type SubOwnerKey = (OwnerId, SubOwnerId);

pub(crate) fn owner_ids(wanted: &[(OwnerId, Vec<SubOwnerId>)]) -> Vec<&OwnerId> {
    wanted.iter().map(|(owner_id, _)| owner_id).collect()
}

pub(crate) fn pairs(wanted: &[(OwnerId, Vec<SubOwnerId>)]) -> Vec<(&OwnerId, &SubOwnerId)> {
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
pub(crate) fn known(
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

/// What [`Store::find_owners`] answers.
pub(crate) fn found(
    wanted: &[(OwnerId, Vec<SubOwnerId>)],
    owners: &HashMap<OwnerId, OwnerRecord>,
    sub_owners: &HashMap<SubOwnerKey, SubOwnerState>,
) -> Vec<Option<OwnerRecord>> {
    wanted
        .iter()
        .map(|(owner_id, sub_owner_ids)| {
            let mut record = owners.get(owner_id)?.clone();
            record.sub_owners = known(owner_id, sub_owner_ids, sub_owners);
            Some(record)
        })
        .collect()
}

/// The rows of the history that a change writes: the settings as they are from `after.version` on,
/// since when and by whom. An owner that was never changed has no history: its first version is
/// written with its first change, so that a storm of newcomers writes none.
pub(crate) fn history<'o>(
    before: &'o Owner,
    after: &'o Owner,
    changed_by: &'o str,
    now: Timestamp,
) -> impl Iterator<Item = (&'o Owner, Timestamp, &'o str)> {
    let first = (before, before.created_at, before.created_by.as_str());
    let first = (before.version == 1).then_some(first);
    first.into_iter().chain([(after, now, changed_by)])
}

/// The sub-owners whose override differs, with what it is by now.
pub(crate) fn changed_overrides<'o>(
    before: &'o Owner,
    after: &'o Owner,
) -> impl Iterator<Item = (&'o SubOwnerId, CalibrationOverride)> {
    let (old, new) = (&before.settings.sub_owners, &after.settings.sub_owners);
    let either: BTreeSet<&SubOwnerId> = old.keys().chain(new.keys()).collect();
    let touched = either.into_iter().filter(|id| old.get(*id) != new.get(*id));
    touched.map(|id| (id, new.get(id).cloned().unwrap_or_default()))
}

impl Store {
    /// What the roll has of the owners, each with those of the named sub-owners that exist;
    /// in the order asked. A read: no lock, no write.
    ///
    /// # Errors
    /// As every transaction, by [`crate::Kind`].
    pub async fn find_owners(
        &self,
        wanted: Vec<(OwnerId, Vec<SubOwnerId>)>,
    ) -> Result<Vec<Option<OwnerRecord>>, Error> {
        let wanted: Arc<[_]> = wanted.into();
        let operation = Operation::read("find_owners", format!("{} of them", wanted.len()));
        self.call(operation, move |backend| {
            let wanted = Arc::clone(&wanted);
            async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::owners::find(database, &wanted).await,
                    Backend::Postgres(database) => postgres::owners::find(database, &wanted).await,
                }
            }
        })
        .await
    }

    /// Changes name, settings or state: version plus one, a row in the history, and a
    /// `state_changed` event where the state differs. Where nothing differs nothing is written.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn change_owner(
        &self,
        source: &EventSource,
        owner_id: &OwnerId,
        patch: OwnerPatch,
    ) -> Result<Change, Error> {
        let asked = Arc::new((source.clone(), owner_id.clone(), patch));
        let operation = Operation::write("change_owner", owner_id.as_str());
        self.call(operation, move |backend| {
            let asked = Arc::clone(&asked);
            async move {
                let (source, owner_id, patch) = &*asked;
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::owners::change(database, source, owner_id, patch).await
                    }
                    Backend::Postgres(database) => {
                        postgres::owners::change(database, source, owner_id, patch).await
                    }
                }
            }
        })
        .await
    }
}
