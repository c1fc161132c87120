//! Owners that wait for a decision, with what there is to decide by.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_store::OwnerFilter;

use super::{Answer, ok};
use crate::State;
use crate::params::Params;

/// A sample may have a megabyte.
const MAX_PAGE: u32 = 100;

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["q", "limit", "cursor"])?;
    let filter = OwnerFilter {
        q: params.text("q").map(str::to_owned),
        ..OwnerFilter::default()
    };
    let limit = params.limit(MAX_PAGE)?;
    let page = state
        .store
        .list_pending_owners(&filter, limit, params.cursor());
    ok(&page.await?)
}
