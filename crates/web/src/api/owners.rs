//! Owners: list, create, read, change.

use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use rollcall_model::{Owner, OwnerId, OwnerState, Settings};
use rollcall_pipeline::{Creation, NewOwner};
use rollcall_store::{OwnerFilter, OwnerPatch, OwnerSort};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::edit::{self, check_name, check_settings, merged_settings, no_owner, present};
use super::{Answer, ok};
use crate::auth::Caller;
use crate::body::Json;
use crate::etag::{IfMatch, etag};
use crate::openapi::patches::SettingsPatch;
use crate::params::{MAX_LIMIT, Params};
use crate::path::{OwnerPath, owner_path};
use crate::{Problem, State};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOwnerBody {
    owner_id: OwnerId,
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    display_name: Option<String>,
    #[serde(default)]
    settings: Settings,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnerPatchBody {
    #[serde(default, deserialize_with = "present")]
    #[schemars(
        with = "Option<String>",
        length(min = 1, max = 256),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    display_name: Option<Option<String>>,
    /// A merge patch: null takes a part away.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<SettingsPatch>")]
    settings: Option<Value>,
}

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["q", "state", "sort", "limit", "cursor"])?;
    let filter = OwnerFilter {
        q: params.text("q").map(str::to_owned),
        state: params.parsed("state", str::parse::<OwnerState>)?,
        sort: params
            .parsed("sort", str::parse::<OwnerSort>)?
            .unwrap_or_default(),
    };
    let limit = params.limit(MAX_LIMIT)?;
    ok(&state
        .store
        .list_owners(&filter, limit, params.cursor())
        .await?)
}

pub(crate) async fn create(caller: Caller, state: Data<State>, body: Json<NewOwnerBody>) -> Answer {
    let Json(NewOwnerBody {
        owner_id,
        display_name,
        settings,
    }) = body;
    check_name(display_name.as_deref())?;
    check_settings(&settings)?;
    let created = NewOwner {
        owner_id: owner_id.clone(),
        display_name,
        settings,
    };
    match state.desk.create_owner(created).await? {
        Creation::Created(owner) => {
            caller.made(&owner);
            Ok(HttpResponse::Created()
                .insert_header((LOCATION, owner_path(&owner.owner_id)))
                .insert_header(etag(owner.version))
                .json(owner))
        }
        Creation::Existed(owner) => shown(&owner),
        Creation::Deleted(_) => Err(edit::deleted(&owner_id)),
        Creation::NoOwner => Err(no_owner(&owner_id)),
    }
}

pub(crate) async fn read(state: Data<State>, path: OwnerPath) -> Answer {
    let OwnerPath(owner_id) = path;
    let owner = state.store.owner(&owner_id).await?;
    shown(&owner.ok_or_else(|| no_owner(&owner_id))?)
}

pub(crate) async fn change(
    caller: Caller,
    state: Data<State>,
    path: OwnerPath,
    request: HttpRequest,
    body: Json<OwnerPatchBody>,
) -> Answer {
    let if_match = IfMatch::of(&request)?;
    let (OwnerPath(owner_id), Json(body)) = (path, body);
    check_name(body.display_name.as_ref().and_then(Option::as_deref))?;
    let owner = edit::change(&state, &caller, &owner_id, async |owner| {
        if_match.check(owner.version)?;
        body.onto(owner)
    });
    shown(&owner.await?)
}

impl OwnerPatchBody {
    fn onto(&self, owner: &Owner) -> Result<OwnerPatch, Problem> {
        let settings = self.settings.clone();
        let merged = settings
            .map(|patch| merged_settings(&owner.settings, patch))
            .transpose()?;
        Ok(OwnerPatch {
            display_name: self.display_name.clone(),
            settings: merged,
            ..OwnerPatch::default()
        })
    }
}

pub(super) fn shown(owner: &Owner) -> Answer {
    Ok(HttpResponse::Ok()
        .insert_header(etag(owner.version))
        .json(owner))
}
