//! Changes of an owner that are made from what it is: read, merged, and written only onto the
//! version that was read. Whoever comes second reads and merges again.

use actix_web::http::StatusCode;
use rollcall_model::{CalibrationOverride, Owner, OwnerId, OwnerState, Settings};
use rollcall_store::{Change, ChangeRefusal, OwnerPatch};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::auth::Caller;
use crate::problem::FieldFault;
use crate::{Problem, State, merge_patch};

/// Others may get in between this often before the sender has to try again.
const MAX_TRIES: usize = 8;
/// The longest name of an owner, in characters.
const MAX_NAME_CHARACTERS: usize = 256;

/// Applies what `edit` makes of the owner as it is; a deleted one takes no change.
///
/// # Errors
/// As [`revise`], and 409 if the owner is deleted.
pub(super) async fn change(
    state: &State,
    caller: &Caller,
    owner_id: &OwnerId,
    edit: impl AsyncFn(&Owner) -> Result<OwnerPatch, Problem>,
) -> Result<Owner, Problem> {
    revise(state, caller, owner_id, async |owner| {
        if owner.state == OwnerState::Deleted {
            return Err(deleted(owner_id));
        }
        edit(owner).await
    })
    .await
}

/// Applies what `edit` makes of the owner as it is.
///
/// # Errors
/// 404 and 409 where there is nothing to change; otherwise what `edit` or the desk say.
pub(super) async fn revise(
    state: &State,
    caller: &Caller,
    owner_id: &OwnerId,
    edit: impl AsyncFn(&Owner) -> Result<OwnerPatch, Problem>,
) -> Result<Owner, Problem> {
    for _ in 0..MAX_TRIES {
        let owner = state
            .store
            .owner(owner_id)
            .await?
            .ok_or_else(|| no_owner(owner_id))?;
        let patch = OwnerPatch {
            if_version: Some(owner.version),
            changed_by: caller.name.clone(),
            ..edit(&owner).await?
        };
        match state.desk.change_owner(owner_id.clone(), patch).await? {
            Change::Done(after) => {
                caller.changed(&owner, &after);
                return Ok(after);
            }
            Change::Refused(ChangeRefusal::NotFound) => return Err(no_owner(owner_id)),
            Change::Refused(ChangeRefusal::Deleted) => return Err(deleted(owner_id)),
            Change::Refused(ChangeRefusal::VersionMismatch { .. }) => {}
        }
    }
    let detail = format!("owner {owner_id:?} is being changed by others; try again");
    Err(conflict(detail))
}

pub(super) fn conflict(detail: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, detail)
}

pub(super) fn no_owner(owner_id: &OwnerId) -> Problem {
    Problem::not_found(format!("there is no owner {:?}", owner_id.as_str()))
}

pub(super) fn deleted(owner_id: &OwnerId) -> Problem {
    conflict(format!(
        "owner {:?} is deleted; it has to be restored first",
        owner_id.as_str()
    ))
}

/// Tells a field that is null from one that is absent.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// An owner's settings with a merge patch applied; null resets them.
///
/// # Errors
/// 422 with every fault of the result.
pub(super) fn merged_settings(current: &Settings, patch: Value) -> Result<Settings, Problem> {
    let settings: Settings = merged(current, patch)?;
    check_settings(&settings)?;
    Ok(settings)
}

/// The owner's settings with a merge patch applied to the part of one sub-owner.
///
/// # Errors
/// 422 with every fault of the result.
pub(super) fn merged_override(
    current: &CalibrationOverride,
    patch: Value,
) -> Result<CalibrationOverride, Problem> {
    let part: CalibrationOverride = merged(current, patch)?;
    let alone = Settings {
        calibration: part,
        ..Settings::default()
    };
    check_settings(&alone)?;
    Ok(alone.calibration)
}

fn merged<T: Serialize + for<'de> Deserialize<'de>>(
    current: &T,
    patch: Value,
) -> Result<T, Problem> {
    if !(patch.is_object() || patch.is_null()) {
        return Err(Problem::unprocessable(vec![FieldFault {
            field: "settings".to_owned(),
            detail: "a merge patch is an object, or null".to_owned(),
        }]));
    }
    // Plain fields always have a JSON form.
    let mut value = serde_json::to_value(current).unwrap_or_default();
    merge_patch::apply(&mut value, patch);
    if value.is_null() {
        value = Value::Object(serde_json::Map::new());
    }
    serde_json::from_value(value).map_err(|error| {
        Problem::unprocessable(vec![FieldFault {
            field: "settings".to_owned(),
            detail: error.to_string(),
        }])
    })
}

/// # Errors
/// 422 with every fault.
pub(super) fn check_settings(settings: &Settings) -> Result<(), Problem> {
    let faults: Vec<_> = settings.faults().into_iter().map(field_fault).collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::unprocessable(faults))
    }
}

fn field_fault(fault: rollcall_model::calibration::SettingsError) -> FieldFault {
    FieldFault {
        field: format!("settings.{}", fault.field),
        detail: fault.problem,
    }
}

/// # Errors
/// 422, if the name is empty, too long or holds control characters.
pub(super) fn check_name(name: Option<&str>) -> Result<(), Problem> {
    name.map_or(Ok(()), |name| check_label("display_name", name))
}

/// # Errors
/// 422, if the text of this field is empty, too long or holds control characters.
pub(super) fn check_label(field: &str, name: &str) -> Result<(), Problem> {
    let characters = name.chars().count();
    let usable = (1..=MAX_NAME_CHARACTERS).contains(&characters);
    if usable && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::unprocessable(vec![FieldFault {
        field: field.to_owned(),
        detail: format!("needs 1 to {MAX_NAME_CHARACTERS} characters without control characters"),
    }]))
}
