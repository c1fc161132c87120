//! Provisioning: owners and sub-owners enter the roll, once, with their announcement.

use rollcall_model::{CreatedBy, OwnerId, OwnerState, SubOwnerId};

use crate::OwnerRecord;

/// An owner to enter if it is not there, with the sub-owners to enter below it if they are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Newcomer {
    pub owner_id: OwnerId,
    pub sub_owner_ids: Vec<SubOwnerId>,
    /// The state it gets if this transaction enters it.
    pub state: OwnerState,
    pub created_by: CreatedBy,
    pub display_name: Option<String>,
    /// Settings it gets if this transaction enters it.
    pub settings: rollcall_model::Settings,
}

/// An owner as it stands after provisioning, whoever entered it.
#[derive(Debug, Clone, PartialEq)]
pub struct Provisioned {
    /// With exactly the sub-owners that were asked for and exist now. A sub-owner is not entered
    /// below an owner that is deleted.
    pub record: OwnerRecord,
    /// Whether this transaction entered the owner.
    pub created: bool,
    /// How many of its sub-owners this transaction entered.
    pub sub_owners_created: usize,
}
