//! Owners and sub-owners: loaded for the directory, changed by hand.

use rollcall_model::{CreatedBy, Owner, OwnerId, OwnerState, Settings, SubOwnerId, SubOwnerState};

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
