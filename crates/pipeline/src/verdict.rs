//! What the owner actor decides about one message.

use rollcall_model::{
    Calibrated, DeadReason, DropReason, OwnerState, StatusMessage, SubOwnerState,
};

use crate::directory::OwnerEntry;

/// What becomes of an admitted message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// Store it with the value that this version of the owner makes of it.
    Store {
        value: Option<f64>,
        version: i64,
    },
    /// Hold it until the owner is approved.
    Hold {
        version: i64,
    },
    Drop(DropReason),
    Dead(DeadReason),
}

/// Decides by the entry; `None` if the sub-owner is unknown.
pub(crate) fn judge(entry: &OwnerEntry, message: &StatusMessage) -> Option<Verdict> {
    match entry.state {
        OwnerState::Blocked => return Some(Verdict::Drop(DropReason::Blocked)),
        OwnerState::Deleted => return Some(Verdict::Drop(DropReason::Deleted)),
        OwnerState::Active | OwnerState::Pending => {}
    }
    let sub_owner = entry.sub_owner(&message.sub_owner_id)?;
    if sub_owner == SubOwnerState::Deleted {
        return Some(Verdict::Drop(DropReason::Deleted));
    }
    let version = entry.version;
    if entry.state == OwnerState::Pending {
        return Some(Verdict::Hold { version });
    }
    Some(
        match entry.calibrate(&message.sub_owner_id, &message.data) {
            Calibrated::Value(value) => Verdict::Store {
                value: Some(value),
                version,
            },
            Calibrated::Nothing => Verdict::Store {
                value: None,
                version,
            },
            Calibrated::OutOfRange => Verdict::Dead(DeadReason::TooLarge),
        },
    )
}
