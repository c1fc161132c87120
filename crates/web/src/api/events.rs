//! The outbox: what was announced, and where each sink stands with it.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::{Answer, ok};
use crate::State;
use crate::params::{MAX_LIMIT, Params};

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["limit", "cursor"])?;
    let limit = params.limit(MAX_LIMIT)?;
    ok(&state.store.list_events(limit, params.cursor()).await?)
}
