//! The statuses of a sub-owner, raw and calibrated. `data` is handed on as the text it came as.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_model::Timestamp;
use rollcall_store::{Order, StatusRange};

use super::sub_owners::found;
use super::{Answer, ok};
use crate::State;
use crate::params::{MAX_LIMIT, Params};
use crate::path::SubOwnerPath;

pub(crate) async fn list(state: Data<State>, path: SubOwnerPath, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["from", "to", "order", "limit", "cursor"])?;
    let SubOwnerPath(owner_id, sub_owner_id) = path;
    let range = StatusRange {
        from: params.parsed("from", Timestamp::parse)?,
        to: params.parsed("to", Timestamp::parse)?,
        order: params.parsed("order", order)?.unwrap_or_default(),
    };
    let (limit, cursor) = (params.limit(MAX_LIMIT)?, params.cursor());
    let store = &state.store;
    let page = store
        .list_statuses(&owner_id, &sub_owner_id, range, limit, cursor)
        .await?;
    if page.items.is_empty() {
        found(&state, &owner_id, &sub_owner_id).await?;
    }
    ok(&page)
}

fn order(text: &str) -> Result<Order, String> {
    match text {
        "desc" => Ok(Order::NewestFirst),
        "asc" => Ok(Order::OldestFirst),
        _ => Err(format!(
            "{text:?} is neither desc (newest first, the default) nor asc"
        )),
    }
}
