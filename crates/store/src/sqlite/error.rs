//! SQLite's result codes, by what the caller does about them.

use sqlx::error::DatabaseError;

use crate::Kind;

// Primary result codes: the lower byte of the extended code (https://www.sqlite.org/rescode.html).
const ERROR: u32 = 1;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const NOMEM: u32 = 7;
const READONLY: u32 = 8;
const INTERRUPT: u32 = 9;
const IOERR: u32 = 10;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const SCHEMA: u32 = 17;
const TOOBIG: u32 = 18;
const CONSTRAINT: u32 = 19;
const MISMATCH: u32 = 20;
/// A reader that wanted to write met a newer snapshot: the only conflict that SQLite knows.
const BUSY_SNAPSHOT: u32 = 517;

/// The kind, and whether it was a conflict.
pub(crate) fn classify(error: &dyn DatabaseError) -> (Kind, bool) {
    let code = extended_code(error);
    let kind = match code & 0xff {
        BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | IOERR | FULL | CANTOPEN | PROTOCOL
        | SCHEMA => Kind::Unavailable,
        TOOBIG | CONSTRAINT | MISMATCH => Kind::RefusedData,
        ERROR if error.message().contains("no such") => Kind::Schema,
        _ => Kind::Defect,
    };
    (kind, code == BUSY_SNAPSHOT)
}

/// Whether a failed COMMIT may have got through all the same: the log could not be written or
/// synced to its end.
pub(crate) fn leaves_doubt(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => extended_code(error.as_ref()) & 0xff == IOERR,
        sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

fn extended_code(error: &dyn DatabaseError) -> u32 {
    error
        .code()
        .and_then(|code| code.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    use crate::Kind;
    use crate::fault::Fault;

    async fn kind_of(sql: &'static str) -> Kind {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::query("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
            .execute(&mut connection)
            .await
            .unwrap();
        let error = sqlx::query(sql).execute(&mut connection).await.unwrap_err();
        Fault::from(error).kind
    }

    #[tokio::test]
    async fn each_error_is_named_by_what_the_caller_does() {
        for (sql, kind) in [
            ("INSERT INTO t VALUES (1, NULL)", Kind::RefusedData),
            ("INSERT INTO t VALUES (1, 'a'), (1, 'b')", Kind::RefusedData),
            ("INSERT INTO t VALUES ('x', 'a')", Kind::RefusedData),
            (
                "INSERT INTO t VALUES (1, zeroblob(2000000000))",
                Kind::RefusedData,
            ),
            ("SELECT missing FROM t", Kind::Schema),
            ("SELECT * FROM missing", Kind::Schema),
            ("SELEKT", Kind::Defect),
        ] {
            assert_eq!(kind_of(sql).await, kind, "{sql}");
        }
    }
}
