//! Owners and sub-owners: loaded for the directory, changed by hand.

use std::sync::Arc;

use rollcall_model::{
    CreatedBy, EventSource, Owner, OwnerId, OwnerState, Settings, SubOwnerId, SubOwnerState,
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
    if after == *before {
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
