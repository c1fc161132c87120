//! An owner's settings: what they were, and what others would make of its statuses.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_model::{Settings, SubOwnerId, Timestamp};
use rollcall_store::{Order, StatusRange, StatusRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::edit::{merged_settings, no_owner};
use super::{Answer, ok};
use crate::body::Json;
use crate::openapi::patches::SettingsPatch;
use crate::params::{MAX_LIMIT, Params};
use crate::path::OwnerPath;
use crate::problem::FieldFault;
use crate::whole::Whole;
use crate::{Problem, State};

/// Statuses of a preview, if the sender does not say.
const PREVIEWED: u32 = 20;
/// Statuses of the largest preview: each is calibrated while somebody waits.
const MAX_PREVIEWED: u32 = 200;

pub(crate) async fn history(state: Data<State>, path: OwnerPath, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["limit", "cursor"])?;
    let OwnerPath(owner_id) = path;
    let (limit, cursor) = (params.limit(MAX_LIMIT)?, params.cursor());
    let page = state
        .store
        .settings_history(&owner_id, limit, cursor)
        .await?;
    if page.items.is_empty() && state.store.owner(&owner_id).await?.is_none() {
        return Err(no_owner(&owner_id));
    }
    ok(&page)
}

/// What a change of the owner would take, and on which statuses it is tried.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proposal {
    /// A merge patch: null takes a part away.
    #[schemars(with = "Option<SettingsPatch>")]
    settings: Value,
    /// Its newest statuses; without one, the newest of each sub-owner.
    sub_owner_id: Option<SubOwnerId>,
    #[schemars(range(min = 1, max = 200))]
    limit: Option<Whole<u32>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Preview {
    /// The version that the proposal was merged onto.
    version: i64,
    /// What they would be.
    settings: Settings,
    items: Vec<Previewed>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Previewed {
    sub_owner_id: SubOwnerId,
    status_at: Timestamp,
    data: Box<RawValue>,
    /// As it is stored.
    value: Option<f64>,
    preview: Option<f64>,
    /// Why there is no preview.
    reason: Option<String>,
}

/// Writes nothing.
pub(crate) async fn preview(state: Data<State>, path: OwnerPath, body: Json<Proposal>) -> Answer {
    let (OwnerPath(owner_id), Json(proposal)) = (path, body);
    let limit = limit(proposal.limit.map(|whole| whole.0))?;
    let owner = state.store.owner(&owner_id).await?;
    let owner = owner.ok_or_else(|| no_owner(&owner_id))?;
    let settings = merged_settings(&owner.settings, proposal.settings)?;
    let rows = match &proposal.sub_owner_id {
        None => state.store.latest_statuses(&owner_id, limit).await?,
        Some(sub_owner_id) => {
            let range = StatusRange {
                order: Order::NewestFirst,
                ..StatusRange::default()
            };
            let newest = state
                .store
                .list_statuses(&owner_id, sub_owner_id, range, limit, None);
            newest.await?.items
        }
    };
    ok(&Preview {
        version: owner.version,
        items: rows
            .into_iter()
            .map(|row| previewed(&settings, row))
            .collect(),
        settings,
    })
}

fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(PREVIEWED);
    if (1..=MAX_PREVIEWED).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::unprocessable(vec![FieldFault {
        field: "limit".to_owned(),
        detail: format!("{limit} is not a number from 1 to {MAX_PREVIEWED}"),
    }]))
}

fn previewed(settings: &Settings, row: StatusRow) -> Previewed {
    let calibration = settings.calibration_of(&row.sub_owner_id);
    let explained = calibration.explain(row.data.get());
    Previewed {
        preview: explained.ok(),
        reason: explained.err().map(|absence| absence.to_string()),
        sub_owner_id: row.sub_owner_id,
        status_at: row.status_at,
        data: row.data,
        value: row.value,
    }
}
