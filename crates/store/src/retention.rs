//! Retention: statuses go by the age of their event (the latest of each sub-owner stays), events of
//! the outbox by their own.

use rollcall_model::Timestamp;

use crate::store::{Backend, Operation};
use crate::{Error, Store, postgres, sqlite};

impl Store {
    /// Removes statuses that were enqueued before `before` and says how many; `stored` of their
    /// partitions stays, `removed` grows. On SQLite all of them go, in chunks; on PostgreSQL whole
    /// days (UTC) that were over then, each at once. An interrupted call has removed a part.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn expire_statuses(&self, before: Timestamp) -> Result<u64, Error> {
        let operation = Operation::write("expire_statuses", format!("before {before}"));
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => sqlite::retention::expire(database, before).await,
                Backend::Postgres(database) => postgres::retention::expire(database, before).await,
            }
        })
        .await
    }

    /// Removes events that were made before `before` and says how many: those that no registered
    /// sink still has pending or parked. An interrupted call has removed a part.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn expire_events(&self, before: Timestamp) -> Result<u64, Error> {
        let operation = Operation::write("expire_events", format!("before {before}"));
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => {
                    sqlite::outbox_retention::expire(database, before).await
                }
                Backend::Postgres(database) => {
                    postgres::outbox_retention::expire(database, before).await
                }
            }
        })
        .await
    }
}
