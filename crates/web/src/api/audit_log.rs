//! The audit log, newest first.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::{Answer, ok};
use crate::State;
use crate::auth::Admin;
use crate::params::{MAX_LIMIT, Params};

pub(crate) async fn list(_: Admin, state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["limit", "cursor"])?;
    let limit = params.limit(MAX_LIMIT)?;
    ok(&state.store.list_audit(limit, params.cursor()).await?)
}
