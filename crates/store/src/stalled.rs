//! Sessions of processes that stopped in the midst of their writing.

use crate::store::{Backend, Operation};
use crate::{Error, Store, Tenure, postgres};

impl Store {
    /// Ends the sessions of other processes that have been in the midst of a COPY for longer than
    /// a lease lasts; returns how many. A claim ends those whose lease has expired; but a process
    /// may stop while it writes under a lease that it has no longer, and then nobody claims it.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn end_stalled_sessions(&self, tenure: &Tenure) -> Result<usize, Error> {
        let tenure = tenure.clone();
        let operation = Operation::write("end_stalled_sessions", "");
        self.call(operation, move |backend| {
            let tenure = tenure.clone();
            async move {
                match &*backend {
                    // One process has the database: there are no others.
                    Backend::Sqlite(_) => Ok(0),
                    Backend::Postgres(database) => {
                        postgres::stalled::end_stalled(database, &tenure).await
                    }
                }
            }
        })
        .await
    }
}
