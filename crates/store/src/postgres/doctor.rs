//! The stored invariants, checked in one snapshot.

use sqlx::AssertSqlSafe;

use super::Database;
use crate::Finding;
use crate::doctor::CHECKS;
use crate::fault::Result;

const SUM_OF_DROPS: &str =
    "(SELECT coalesce(sum(value::bigint), 0) FROM json_each_text(dropped::json))";

pub(crate) async fn check(database: &Database) -> Result<Vec<Finding>> {
    let mut snapshot = database.snapshot().await?;
    let mut findings = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        let faults = sqlx::query_scalar(AssertSqlSafe(check.sql(SUM_OF_DROPS)));
        findings.push(check.finding(&faults.fetch_all(&mut *snapshot).await?));
    }
    snapshot.commit().await?;
    Ok(findings)
}
