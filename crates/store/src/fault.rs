//! An error within a transaction, before the transaction's name is put to it.

use sqlx::postgres::PgDatabaseError;

use crate::Kind;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a transaction failed, and whether the same again at once may succeed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// The database chose this transaction as the loser of a conflict: worth an instant retry.
    pub(crate) conflict: bool,
    pub(crate) source: Source,
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub(crate) fn new(kind: Kind, source: impl Into<Source>) -> Self {
        Self {
            kind,
            conflict: false,
            source: source.into(),
        }
    }

    pub(crate) fn defect(source: impl Into<Source>) -> Self {
        Self::new(Kind::Defect, source)
    }

    pub(crate) fn schema(source: impl Into<Source>) -> Self {
        Self::new(Kind::Schema, source)
    }

    pub(crate) fn bad_cursor() -> Self {
        Self::new(Kind::BadCursor, "the cursor is not one that this list gave")
    }

    /// The sentence with its causes, for the health.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            let sentence = error.to_string();
            // Some errors repeat their cause in their own sentence.
            if !text.contains(&sentence) {
                text.push_str(": ");
                text.push_str(&sentence);
            }
            cause = error.source();
        }
        text
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let (kind, conflict) = classify(&error);
        Self {
            kind,
            conflict,
            source: error.into(),
        }
    }
}

impl From<sea_orm::DbErr> for Fault {
    fn from(error: sea_orm::DbErr) -> Self {
        let (kind, conflict) = match sqlx_cause(&error) {
            Some(cause) => classify(cause),
            None if matches!(error, sea_orm::DbErr::ConnectionAcquire(_)) => {
                (Kind::Unavailable, false)
            }
            None => (Kind::Defect, false),
        };
        Self {
            kind,
            conflict,
            source: error.into(),
        }
    }
}

fn sqlx_cause(error: &sea_orm::DbErr) -> Option<&sqlx::Error> {
    use sea_orm::{DbErr, RuntimeErr};
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

/// The kind, and whether it was a conflict.
fn classify(error: &sqlx::Error) -> (Kind, bool) {
    use sqlx::Error as E;
    match error {
        E::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => crate::postgres::classify(error),
            None => crate::sqlite::classify(error.as_ref()),
        },
        // An answer that is none is the connection's: a proxy whose server is down hangs up in its midst.
        E::Io(_)
        | E::Tls(_)
        | E::Protocol(_)
        | E::PoolTimedOut
        | E::PoolClosed
        | E::WorkerCrashed => (Kind::Unavailable, false),
        _ => (Kind::Defect, false),
    }
}
