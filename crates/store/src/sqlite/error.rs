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
