//! A writing transaction.
//!
//! One that ends otherwise than by COMMIT or ROLLBACK closes its connection, which rolls back for
//! certain: it may have broken within a COPY, or with an answer on its way.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgDatabaseError;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};

use super::error::{GUARD, leaves_doubt};
use crate::Kind;
use crate::fault::{Fault, Result};

pub(crate) struct Writing {
    connection: PoolConnection<Postgres>,
    open: bool,
}

/// How a transaction under the guard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Committed,
    /// The guard raised: nothing is stored.
    Guarded,
}

impl Writing {
    pub(super) async fn begin(mut connection: PoolConnection<Postgres>) -> Result<Self> {
        if let Err(error) = sqlx::raw_sql("BEGIN").execute(&mut *connection).await {
            connection.close_on_drop();
            return Err(error.into());
        }
        Ok(Self {
            connection,
            open: true,
        })
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// # Errors
    /// [`Kind::Unknown`] if it may have got through all the same.
    pub(crate) async fn commit(mut self) -> Result<()> {
        match sqlx::raw_sql("COMMIT").execute(&mut *self.connection).await {
            Ok(_) => {
                self.open = false;
                Ok(())
            }
            Err(error) => Err(within_commit(error)),
        }
    }

    /// Sends `guard` and COMMIT in one message: the server comes to COMMIT only if the guard did
    /// not raise.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(super) async fn commit_behind(mut self, guard: &str) -> Result<Ended> {
        let sql = AssertSqlSafe(format!("{guard}; COMMIT"));
        match sqlx::raw_sql(sql).execute(&mut *self.connection).await {
            Ok(_) => {
                self.open = false;
                Ok(Ended::Committed)
            }
            Err(error) if is_guard(&error) => {
                self.roll_back().await?;
                Ok(Ended::Guarded)
            }
            Err(error) => Err(within_commit(error)),
        }
    }

    /// Ends a transaction that turned out to have nothing to write.
    pub(crate) async fn roll_back(mut self) -> Result<()> {
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut *self.connection)
            .await?;
        self.open = false;
        Ok(())
    }
}

fn is_guard(error: &sqlx::Error) -> bool {
    let error = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| error.code() == GUARD)
}

fn within_commit(error: sqlx::Error) -> Fault {
    if leaves_doubt(&error) {
        Fault::new(Kind::Unknown, error)
    } else {
        error.into()
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.open {
            self.connection.close_on_drop();
        }
    }
}
