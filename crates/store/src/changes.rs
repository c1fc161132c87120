//! The feed of changes between nodes: whose state or settings changed since a node last looked.
//!
//! It is the history of settings, which has a row for every change. A scan begins where the last
//! one could not yet see everything: at the oldest transaction that was running then. So a change
//! that is committed late is never missed, nothing waits for a long transaction, and what is told
//! twice does no harm, because an entry is only replaced by a higher version.

use rollcall_model::OwnerId;

use crate::store::{Backend, Operation};
use crate::{Error, Store, postgres, sqlite};

/// Up to where a node has seen everything. Only the database that gave it can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeCursor(pub(crate) u64);

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Each once, by id; some of them may be known already.
    pub owners: Vec<OwnerId>,
    /// Where the next scan begins.
    pub cursor: ChangeCursor,
    pub past: DatabasePast,
    /// The database had come further before, as this process saw it, or another one had its place.
    /// It lasts until [`Store::begin_anew`].
    pub past_is_lost: bool,
}

/// Which database it is and how far it has come, to know one that lost its past: it was restored,
/// or another one, which had not everything, took its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabasePast {
    /// PostgreSQL's system identifier: of the cluster and all copies of it.
    pub(crate) system: String,
    /// Grows whenever a copy takes over or a backup is restored to a point in time.
    pub(crate) timeline: String,
    /// The next transaction's id (PostgreSQL), the last change's ordinal (SQLite).
    pub(crate) newest: u64,
}

impl DatabasePast {
    /// Whether what was read when the past was `earlier` may not be there any more.
    #[must_use]
    pub fn is_lost_since(&self, earlier: &Self) -> bool {
        self.system != earlier.system
            || self.timeline != earlier.timeline
            || self.newest < earlier.newest
    }
}

impl Store {
    /// The owners whose state or settings changed since the cursor's scan. Without a cursor:
    /// nobody, and a cursor to begin with; take it before anything is loaded.
    ///
    /// # Errors
    /// As every transaction, by [`crate::Kind`].
    pub async fn changes_since(&self, cursor: Option<ChangeCursor>) -> Result<Changes, Error> {
        let operation = Operation::read("changes_since", "");
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => sqlite::changes::since(database, cursor).await,
                Backend::Postgres(database) => postgres::changes::since(database, cursor).await,
            }
        })
        .await
    }

    /// Whatever was known of a database that lost its past is forgotten. Until then commits and
    /// replays are refused as unavailable; from then on batches of earlier leases are, as misplaced.
    ///
    /// # Errors
    /// As every transaction, by [`crate::Kind`].
    pub async fn begin_anew(&self) -> Result<(), Error> {
        let operation = Operation::read("begin_anew", "");
        self.call(operation, |backend| async move {
            match &*backend {
                // Nobody puts another file in its place while a process has it open.
                Backend::Sqlite(_) => Ok(()),
                Backend::Postgres(database) => postgres::changes::begin_anew(database).await,
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(system: &str, timeline: &str, newest: u64) -> DatabasePast {
        DatabasePast {
            system: system.to_owned(),
            timeline: timeline.to_owned(),
            newest,
        }
    }

    #[test]
    fn a_past_is_lost_with_another_system_another_timeline_or_fewer_transactions() {
        let earlier = past("7", "00000001", 40);
        for (later, lost) in [
            (past("7", "00000001", 40), false),
            (past("7", "00000001", 41), false),
            (past("7", "00000001", 39), true),
            (past("7", "00000002", 41), true),
            (past("8", "00000001", 41), true),
        ] {
            assert_eq!(later.is_lost_since(&earlier), lost, "{later:?}");
        }
    }
}
