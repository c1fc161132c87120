//! The audit log on PostgreSQL.

use time::OffsetDateTime;

use super::super::Database;
use crate::access::audit::{self, AuditColumns, AuditEntry, AuditOutcome, AuditRow};
use crate::fault::Result;
use crate::{Page, cursor};

pub(crate) async fn begin(database: &Database, entry: &AuditEntry) -> Result<i64> {
    let mut writing = database.write().await?;
    let audit_id = sqlx::query_scalar(
        "INSERT INTO audit_log (asked_at, node, caller, action, target)
         VALUES (clock_timestamp(), $1, $2, $3, $4) RETURNING audit_id",
    )
    .bind(&entry.node)
    .bind(&entry.caller)
    .bind(&entry.action)
    .bind(&entry.target)
    .fetch_one(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(audit_id)
}

pub(crate) async fn end(database: &Database, audit_id: i64, outcome: &AuditOutcome) -> Result<()> {
    let mut writing = database.write().await?;
    sqlx::query("UPDATE audit_log SET status = $1, before = $2, after = $3 WHERE audit_id = $4")
        .bind(i32::from(outcome.status))
        .bind(&outcome.before)
        .bind(&outcome.after)
        .bind(audit_id)
        .execute(writing.connection())
        .await?;
    writing.commit().await
}

/// From the newest before `before` on.
pub(crate) async fn list(
    database: &Database,
    limit: u32,
    before: Option<i64>,
) -> Result<Page<AuditRow>> {
    let rows: Vec<AuditColumns<OffsetDateTime>> = sqlx::query_as(
        "SELECT audit_id, asked_at, node, caller, action, target, status, before, after
         FROM audit_log WHERE audit_id < $1 ORDER BY audit_id DESC LIMIT $2",
    )
    .bind(before.unwrap_or(i64::MAX))
    .bind(i64::try_from(cursor::page_size(limit)).unwrap_or(i64::MAX) + 1)
    .fetch_all(database.readers())
    .await?;
    audit::page(rows, limit, |time| Ok(time.into()))
}
