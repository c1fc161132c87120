//! Sub-owners of an owner: list, create, read, change, delete. A sub-owner's settings are what its owner's
//! settings override for it, so a change of them is a change of the owner.

use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use rollcall_model::{
    CalibrationOverride, Owner, OwnerId, Settings, SubOwner, SubOwnerId, SubOwnerState,
};
use rollcall_pipeline::Creation;
use rollcall_store::OwnerPatch;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::edit::{self, merged_override, no_owner, present};
use super::{Answer, ok};
use crate::auth::Caller;
use crate::body::Json;
use crate::etag::{IfMatch, etag};
use crate::openapi::patches::CalibrationPatch;
use crate::params::{MAX_LIMIT, Params};
use crate::path::{OwnerPath, SubOwnerPath, sub_owner_path};
use crate::{Problem, State};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSubOwnerBody {
    sub_owner_id: SubOwnerId,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubOwnerPatchBody {
    /// A merge patch: null takes a part away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<CalibrationPatch>")]
    settings: Option<Value>,
    /// `active` brings a deleted one back.
    state: Option<SubOwnerState>,
}

pub(crate) async fn list(state: Data<State>, path: OwnerPath, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["limit", "cursor"])?;
    let OwnerPath(owner_id) = path;
    let limit = params.limit(MAX_LIMIT)?;
    let page = state
        .store
        .list_sub_owners(&owner_id, limit, params.cursor())
        .await?;
    if page.items.is_empty() && state.store.owner(&owner_id).await?.is_none() {
        return Err(no_owner(&owner_id));
    }
    ok(&page)
}

pub(crate) async fn create(
    caller: Caller,
    state: Data<State>,
    path: OwnerPath,
    body: Json<NewSubOwnerBody>,
) -> Answer {
    let (OwnerPath(owner_id), Json(NewSubOwnerBody { sub_owner_id })) = (path, body);
    let (owner, sub_owner) = (owner_id.clone(), sub_owner_id.clone());
    match state.desk.create_sub_owner(owner, sub_owner).await? {
        Creation::Created(it) => {
            caller.made(&it);
            Ok(HttpResponse::Created()
                .insert_header((LOCATION, sub_owner_path(&it.owner_id, &it.sub_owner_id)))
                .insert_header(etag(it.version))
                .json(it))
        }
        Creation::Existed(it) => shown(&it),
        Creation::Deleted(_) => Err(deleted(&owner_id, &sub_owner_id)),
        // A deleted owner takes no sub-owners either, but it is still there to be read.
        Creation::NoOwner => Err(match state.store.owner(&owner_id).await? {
            Some(_) => edit::deleted(&owner_id),
            None => no_owner(&owner_id),
        }),
    }
}

pub(crate) async fn read(state: Data<State>, path: SubOwnerPath) -> Answer {
    let SubOwnerPath(owner_id, sub_owner_id) = path;
    shown(&found(&state, &owner_id, &sub_owner_id).await?)
}

pub(crate) async fn change(
    caller: Caller,
    state: Data<State>,
    path: SubOwnerPath,
    request: HttpRequest,
    body: Json<SubOwnerPatchBody>,
) -> Answer {
    let if_match = IfMatch::of(&request)?;
    let (SubOwnerPath(owner_id, sub_owner_id), Json(body)) = (path, body);
    // The owner is read before the sub-owner and written only onto the version that was read: so
    // the sub-owner's version is judged as of that version, too.
    edit::change(&state, &caller, &owner_id, async |owner| {
        let sub_owner = found(&state, &owner_id, &sub_owner_id).await?;
        let restored = body.state == Some(SubOwnerState::Active);
        if sub_owner.state == SubOwnerState::Deleted && !restored {
            return Err(deleted(&owner_id, &sub_owner_id));
        }
        if_match.check(sub_owner.version)?;
        body.onto(owner, &sub_owner)
    })
    .await?;
    shown(&found(&state, &owner_id, &sub_owner_id).await?)
}

/// What it sends from the next batch on is dropped as `deleted`, on every node within two seconds; what
/// is stored of it stays.
pub(crate) async fn delete(
    caller: Caller,
    state: Data<State>,
    path: SubOwnerPath,
    request: HttpRequest,
) -> Answer {
    Params::of(&request, &[])?;
    let if_match = IfMatch::of(&request)?;
    let SubOwnerPath(owner_id, sub_owner_id) = path;
    edit::change(&state, &caller, &owner_id, async |_| {
        let sub_owner = found(&state, &owner_id, &sub_owner_id).await?;
        if_match.check(sub_owner.version)?;
        Ok(OwnerPatch {
            sub_owner_state: next_state(&sub_owner, SubOwnerState::Deleted),
            ..OwnerPatch::default()
        })
    })
    .await?;
    shown(&found(&state, &owner_id, &sub_owner_id).await?)
}

/// A state that it has already is no change.
fn next_state(sub_owner: &SubOwner, next: SubOwnerState) -> Option<(SubOwnerId, SubOwnerState)> {
    (sub_owner.state != next).then(|| (sub_owner.sub_owner_id.clone(), next))
}

impl SubOwnerPatchBody {
    fn onto(&self, owner: &Owner, sub_owner: &SubOwner) -> Result<OwnerPatch, Problem> {
        let sub_owner_id = &sub_owner.sub_owner_id;
        let sub_owner_state = self.state.and_then(|next| next_state(sub_owner, next));
        let Some(patch) = self.settings.clone() else {
            return Ok(OwnerPatch {
                sub_owner_state,
                ..OwnerPatch::default()
            });
        };
        let mut settings: Settings = owner.settings.clone();
        let current = settings
            .sub_owners
            .get(sub_owner_id)
            .cloned()
            .unwrap_or_default();
        let part = merged_override(&current, patch)?;
        if part == CalibrationOverride::default() {
            settings.sub_owners.remove(sub_owner_id);
        } else {
            settings.sub_owners.insert(sub_owner_id.clone(), part);
        }
        Ok(OwnerPatch {
            settings: Some(settings),
            sub_owner_state,
            ..OwnerPatch::default()
        })
    }
}

/// # Errors
/// 404, if there is no such sub-owner.
pub(super) async fn found(
    state: &State,
    owner_id: &OwnerId,
    sub_owner_id: &SubOwnerId,
) -> Result<SubOwner, Problem> {
    let sub_owner = state.store.sub_owner(owner_id, sub_owner_id).await?;
    sub_owner.ok_or_else(|| {
        let (owner, sub_owner) = (owner_id.as_str(), sub_owner_id.as_str());
        Problem::not_found(format!(
            "there is no sub-owner {sub_owner:?} of owner {owner:?}"
        ))
    })
}

fn deleted(owner_id: &OwnerId, sub_owner_id: &SubOwnerId) -> Problem {
    let (owner, sub_owner) = (owner_id.as_str(), sub_owner_id.as_str());
    edit::conflict(format!(
        "sub-owner {sub_owner:?} of owner {owner:?}, or the owner, is deleted"
    ))
}

fn shown(sub_owner: &SubOwner) -> Answer {
    Ok(HttpResponse::Ok()
        .insert_header(etag(sub_owner.version))
        .json(sub_owner))
}
