//! PostgreSQL's SQLSTATEs, by what the caller does about them
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::Kind;

/// Raised by the commit's guard (`advance_partitions` of the first migration).
pub(super) const GUARD: &str = "RC001";
const CHECK_VIOLATION: &str = "23514";

/// The kind, and whether it was a conflict.
pub(crate) fn classify(error: &PgDatabaseError) -> (Kind, bool) {
    let code = error.code();
    if is_conflict(code) || lacks_time_partition(error) {
        return (Kind::Unavailable, true);
    }
    let kind = match code {
        // Undefined table, column, function, schema.
        "42P01" | "42703" | "42883" | "3F000" => Kind::Schema,
        // Read-only, ended for idling or lasting, a lock that was not given up.
        "25006" | "25P03" | "25P04" | "55P03" | "55006" => Kind::Unavailable,
        _ => of_class(code.get(..2).unwrap_or_default()),
    };
    (kind, false)
}

fn of_class(class: &str) -> Kind {
    match class {
        // Connection, rollback, resources (a full disk among them), operator, system, internal.
        "08" | "40" | "53" | "57" | "58" | "XX" => Kind::Unavailable,
        // Data, constraint, a row or key that is larger than can be.
        "22" | "23" | "54" => Kind::RefusedData,
        _ => Kind::Defect,
    }
}

/// Serialization failure, deadlock: the same again may succeed.
fn is_conflict(code: &str) -> bool {
    matches!(code, "40001" | "40P01")
}

/// A row of `statuses` whose day is not there: somebody dropped it after it was last looked for.
/// (The only check violation without a constraint's name.)
pub(super) fn lacks_time_partition(error: &PgDatabaseError) -> bool {
    error.code() == CHECK_VIOLATION
        && error.constraint().is_none()
        && error.table() == Some("statuses")
}

/// Whether a failed COMMIT may have got through all the same. An ordinary error is an answer: the
/// transaction is rolled back. A session that ends may have committed before.
pub(super) fn leaves_doubt(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return true;
    };
    let severity = error
        .try_downcast_ref::<PgDatabaseError>()
        .map(PgDatabaseError::severity);
    severity != Some(PgSeverity::Error)
}
