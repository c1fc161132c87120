//! The audit log: a row per change, made before the change is begun and completed by its answer.
//!
//! Where the row cannot be written, nothing is changed. Where a node dies in between, the row has no
//! status: somebody asked, and what came of it is to be seen at the resource.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::web::Data;
use rollcall_store::{AuditEntry, AuditOutcome, Store};

use crate::auth::Caller;
use crate::{Problem, State};

/// A row that waits for its outcome.
pub(crate) struct Record {
    store: Store,
    audit_id: i64,
}

/// # Errors
/// 503 while the store is away.
pub(crate) async fn begin(request: &ServiceRequest, caller: &Caller) -> Result<Record, Problem> {
    let state = request.app_data::<Data<State>>();
    let state = state.ok_or_else(|| Problem::unavailable("this node is not ready"))?;
    let method = request.method();
    let pattern = request.match_pattern();
    let entry = AuditEntry {
        node: state.node.clone(),
        caller: caller.name.clone(),
        action: format!("{method} {}", pattern.as_deref().unwrap_or(request.path())),
        target: request.uri().to_string(),
    };
    let store = state.store.clone();
    let audit_id = store.begin_audit(entry).await?;
    Ok(Record { store, audit_id })
}

impl Record {
    /// The change is made or not, whatever becomes of its row: a failure here is told by the log only.
    pub(crate) async fn end(self, answer: &ServiceResponse<impl MessageBody>, caller: &Caller) {
        let trail = caller.trail();
        let outcome = AuditOutcome {
            status: answer.status().as_u16(),
            before: trail.before,
            after: trail.after,
        };
        let audit_id = self.audit_id;
        if let Err(error) = self.store.end_audit(audit_id, outcome).await {
            tracing::warn!(%error, audit_id, "row {audit_id} of the audit log stays without an outcome: {error}");
        }
    }
}
