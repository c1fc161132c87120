//! Recalibrations: statuses that were stored before get the values of the present settings, in the
//! background, on whichever node is first.

use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use rollcall_model::{OwnerId, SubOwnerId, Timestamp};
use rollcall_store::{
    NewRecalibration, RecalibrationAnswer, RecalibrationFilter, RecalibrationRange,
    RecalibrationRow, RecalibrationStart, RecalibrationState, RecalibrationWish,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::edit::{conflict, no_owner};
use super::{Answer, ok};
use crate::auth::Caller;
use crate::body::Json;
use crate::params::{MAX_LIMIT, Params};
use crate::path::{OwnerPath, RecalibrationPath};
use crate::{Problem, State};

/// Which statuses, by their time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewRecalibration")]
pub(crate) struct Wish {
    /// Only of this sub-owner.
    sub_owner_id: Option<SubOwnerId>,
    /// From this time on; without it, from the first status on.
    from: Option<Timestamp>,
    /// Before this time; without it, up to now.
    to: Option<Timestamp>,
    /// Only count them.
    #[serde(default)]
    dry_run: bool,
}

/// What a job would do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecalibrationCount")]
pub(crate) struct Counted {
    /// Statuses with an earlier version than the owner has.
    statuses: u64,
}

pub(crate) async fn create(
    caller: Caller,
    state: Data<State>,
    path: OwnerPath,
    request: HttpRequest,
    body: Json<Wish>,
) -> Answer {
    Params::of(&request, &[])?;
    let (OwnerPath(owner_id), Json(wish)) = (path, body);
    let dry_run = wish.dry_run;
    let range = range(&state, owner_id.clone(), wish);
    if dry_run {
        let statuses = state.store.count_to_recalibrate(&range).await?;
        let statuses = statuses.ok_or_else(|| no_owner(&owner_id))?;
        return ok(&Counted { statuses });
    }
    let started = state.store.start_recalibration(NewRecalibration {
        job_id: Uuid::now_v7(),
        range,
        created_by: caller.name.clone(),
    });
    match started.await? {
        RecalibrationStart::Started(row) => {
            caller.made(&row);
            Ok(HttpResponse::Created()
                .insert_header((LOCATION, format!("/api/v1/recalibrations/{}", row.job_id)))
                .json(row))
        }
        RecalibrationStart::NoOwner => Err(no_owner(&owner_id)),
        RecalibrationStart::Open(row) => Err(conflict(format!(
            "recalibration {} of this owner is {}: wait for it or cancel it",
            row.job_id, row.state
        ))),
    }
}

/// One that ends before it begins has no statuses, as in every list.
fn range(state: &State, owner_id: OwnerId, wish: Wish) -> RecalibrationRange {
    RecalibrationRange {
        owner_id,
        sub_owner_id: wish.sub_owner_id,
        from_at: wish.from,
        to_at: wish.to.unwrap_or_else(|| state.clock.now()),
    }
}

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["owner_id", "state", "limit", "cursor"])?;
    let filter = RecalibrationFilter {
        owner_id: params.parsed("owner_id", OwnerId::parse)?,
        state: params.parsed("state", str::parse::<RecalibrationState>)?,
    };
    let limit = params.limit(MAX_LIMIT)?;
    let page = state
        .store
        .list_recalibrations(&filter, limit, params.cursor());
    ok(&page.await?)
}

pub(crate) async fn read(state: Data<State>, path: RecalibrationPath) -> Answer {
    let RecalibrationPath(job_id) = path;
    let row = state.store.recalibration(job_id).await?;
    ok(&row.ok_or_else(|| no_job(job_id))?)
}

/// Paused twice is paused.
pub(crate) async fn pause(
    caller: Caller,
    state: Data<State>,
    path: RecalibrationPath,
    request: HttpRequest,
) -> Answer {
    steer((&state, &caller), path, &request, RecalibrationWish::Pause).await
}

pub(crate) async fn resume(
    caller: Caller,
    state: Data<State>,
    path: RecalibrationPath,
    request: HttpRequest,
) -> Answer {
    steer((&state, &caller), path, &request, RecalibrationWish::Resume).await
}

/// What is done stays done.
pub(crate) async fn cancel(
    caller: Caller,
    state: Data<State>,
    path: RecalibrationPath,
    request: HttpRequest,
) -> Answer {
    steer((&state, &caller), path, &request, RecalibrationWish::Cancel).await
}

async fn steer(
    (state, caller): (&State, &Caller),
    path: RecalibrationPath,
    request: &HttpRequest,
    wish: RecalibrationWish,
) -> Answer {
    Params::of(request, &[])?;
    let RecalibrationPath(job_id) = path;
    let before = state.store.recalibration(job_id).await?;
    match state.store.steer_recalibration(job_id, wish).await? {
        RecalibrationAnswer::Done(row) => {
            caller.changed(&before, &row);
            ok(&row)
        }
        RecalibrationAnswer::NotFound => Err(no_job(job_id)),
        RecalibrationAnswer::Over(RecalibrationRow { state: is, .. }) => {
            Err(conflict(format!("recalibration {job_id} is {is} already")))
        }
    }
}

fn no_job(job_id: Uuid) -> Problem {
    Problem::not_found(format!("there is no recalibration {job_id}"))
}
