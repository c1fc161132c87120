//! Who asks, and what they may.
//!
//! ```text
//! /api/v1 ─▶ guard: credential ─▶ Gate: standing (kept for half a second) ─▶ rate ─▶ role
//!                                                                                    │
//!            handler (Caller, Admin) ◀── audit: a row before the change ◀────────────┘
//! ```
//!
//! - Off, which is possible on loopback only, everybody is the caller `api` and may do everything.
//! - A viewer reads, an operator changes, an admin also sees and changes keys, users and the audit
//!   log. Reading needs no more than a viewer, whatever else does at least an operator, so that a new
//!   route is never open by mistake; the admin's handlers take an `Admin`.
//! - A revoked key, an ended session or a changed role counts on every node within two seconds: a
//!   standing is kept for `gate::KEPT`, and a live stream asks again every second.
//! - A session is a cookie that scripts cannot read and that the browser sends from the console's own
//!   pages only (`SameSite=Strict`); `crate::origin` is the second guard.

pub(crate) mod caller;
pub(crate) mod credential;
pub(crate) mod gate;
mod limiter;
pub mod password;
pub mod secret;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, ResponseError as _};
use rollcall_store::Role;

pub(crate) use caller::{Admin, Caller};
pub(crate) use gate::Gate;

use crate::{Problem, audit};

/// Lets in whoever may make this request, and keeps the audit log of changes.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let caller = match admit(&request).await {
        Ok(caller) => caller,
        Err(problem) => return Ok(refused(request, &problem)),
    };
    request.extensions_mut().insert(caller.clone());
    if reads(&request) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let record = match audit::begin(&request, &caller).await {
        Ok(record) => record,
        Err(problem) => return Ok(refused(request, &problem)),
    };
    let answer = next.call(request).await?;
    record.end(&answer, &caller).await;
    Ok(answer.map_into_left_body())
}

fn refused<B>(request: ServiceRequest, problem: &Problem) -> ServiceResponse<EitherBody<B>> {
    request
        .into_response(problem.error_response())
        .map_into_right_body()
}

async fn admit(request: &ServiceRequest) -> Result<Caller, Problem> {
    let gate = request.app_data::<Data<Gate>>().cloned();
    let gate = gate.ok_or_else(|| Problem::unavailable("this node lets nobody in yet"))?;
    let principal = gate.admit(request.request()).await?;
    let needed = match reads(request) {
        true => Role::Viewer,
        false => Role::Operator,
    };
    principal.must_be(needed)?;
    Ok(Caller::new(principal))
}

/// Whether a request only reads. A preview has a body, and so another method.
fn reads(request: &ServiceRequest) -> bool {
    let method = request.method();
    let previews = || request.path().ends_with("/settings:preview");
    [Method::GET, Method::HEAD].contains(method) || (method == Method::POST && previews())
}
