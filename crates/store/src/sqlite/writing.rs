//! A writing transaction.
//!
//! sqlx's own transaction is not used: where SQLite rolls back by itself (a full disk, an I/O
//! error), sqlx 0.9 goes on counting the transaction as open, and the pool's only writer would
//! refuse every later `BEGIN`. Here a transaction that ends otherwise than by COMMIT or ROLLBACK
//! closes its connection, which rolls back for certain, and the pool opens another.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::Notify;

use super::error::leaves_doubt;
use crate::Kind;
use crate::fault::{Fault, Result};

pub(crate) struct Writing {
    connection: PoolConnection<Sqlite>,
    open: bool,
    /// Rung after the commit.
    bell: Arc<Notify>,
}

impl Writing {
    pub(super) async fn begin(
        mut connection: PoolConnection<Sqlite>,
        bell: Arc<Notify>,
    ) -> Result<Self> {
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut *connection)
            .await?;
        Ok(Self {
            connection,
            open: true,
            bell,
        })
    }

    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// # Errors
    /// [`Kind::Unknown`] if it may have got through all the same.
    pub(crate) async fn commit(mut self) -> Result<()> {
        match sqlx::query("COMMIT").execute(&mut *self.connection).await {
            Ok(_) => {
                self.open = false;
                self.bell.notify_one();
                Ok(())
            }
            Err(error) if leaves_doubt(&error) => Err(Fault::new(Kind::Unknown, error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a transaction that turned out to have nothing to write.
    pub(crate) async fn roll_back(mut self) -> Result<()> {
        sqlx::query("ROLLBACK")
            .execute(&mut *self.connection)
            .await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.open {
            self.connection.close_on_drop();
        }
    }
}
