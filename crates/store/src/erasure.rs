//! Erasure: the statuses of a deleted owner go, its row and its history stay.

use rollcall_model::OwnerId;

use crate::store::{Backend, Operation};
use crate::{Error, Store, postgres, sqlite};

/// Statuses that one transaction erases: commits wait for it no longer than for each other.
pub(crate) const CHUNK_ROWS: i64 = 5_000;

impl Store {
    /// Removes up to 5,000 statuses of the owner, and with the last of them what is its latest; the
    /// totals of the partitions stay, `removed` grows. Returns how many went: none means that
    /// nothing is left, or that the owner is not deleted.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn erase_statuses(&self, owner_id: &OwnerId) -> Result<u64, Error> {
        let operation = Operation::write("erase_statuses", format!("of {owner_id}"));
        let owner_id = owner_id.clone();
        self.call(operation, move |backend| {
            let owner_id = owner_id.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => sqlite::erasure::erase(database, &owner_id).await,
                    Backend::Postgres(database) => {
                        postgres::erasure::erase(database, &owner_id).await
                    }
                }
            }
        })
        .await
    }
}
