//! Whether the database still has what this process knows of the roll.
//!
//! A restored database is met on new sessions only: so every session that may store what was made
//! from the process's knowledge is asked for its past when it is opened. A lost past shuts the
//! gate: nothing of that kind is stored until what was known is forgotten. From then on batches
//! are stored again, but for those of leases from before, which were made from it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_model::Epoch;
use sqlx::PgConnection;

use crate::Kind;
use crate::changes::DatabasePast;
use crate::fault::{Fault, Result};

/// Shared by the sessions of a store.
#[derive(Debug, Default)]
pub(super) struct PastKeeper(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// As of the last look that found nothing lost.
    past: Option<DatabasePast>,
    lost: bool,
    /// Leases up to this epoch are from before the loss.
    lost_upto: Option<Epoch>,
}

impl PastKeeper {
    /// To be taken before the database is asked: what another session sees meanwhile may be newer.
    pub(super) fn known(&self) -> Option<DatabasePast> {
        self.lock().past.clone()
    }

    /// Compares what a session has found with what was known before it was asked. Returns whether
    /// something is lost that was not yet forgotten.
    pub(super) fn compare(&self, known: Option<&DatabasePast>, found: &DatabasePast) -> bool {
        let lost = known.is_some_and(|known| found.is_lost_since(known));
        let mut standing = self.lock();
        standing.lost |= lost;
        standing.lost
    }

    /// As [`Self::compare`], by the one who looks again and again.
    pub(super) fn follow(&self, known: Option<&DatabasePast>, found: &DatabasePast) -> bool {
        let lost = self.compare(known, found);
        if !lost {
            self.lock().past = Some(found.clone());
        }
        lost
    }

    /// What was known is forgotten.
    pub(super) fn begin_anew(&self, found: DatabasePast, newest: Epoch) {
        *self.lock() = Known {
            past: Some(found),
            lost: false,
            lost_upto: Some(newest),
        };
    }

    /// # Errors
    /// [`Kind::Unavailable`] while something is lost and not forgotten.
    pub(super) fn check(&self) -> Result<()> {
        if self.lock().lost {
            let reason = "the database has lost its past: nothing is stored until this node has \
                          forgotten what it knew";
            return Err(Fault::new(Kind::Unavailable, reason));
        }
        Ok(())
    }

    /// Whether a batch of that lease may have been made from what was lost.
    pub(super) fn is_lost(&self, epoch: Epoch) -> bool {
        self.lock().lost_upto.is_some_and(|upto| epoch <= upto)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Plain values only: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// System identifier, timeline, and of the snapshot the oldest transaction that was running and
/// the next that will.
type Snapshot = (String, String, String, String);

/// The database's past as a session sees it, and the oldest transaction that was still running.
///
/// # Errors
/// As sqlx has them: they are a pool's as well.
pub(super) async fn look(connection: &mut PgConnection) -> sqlx::Result<(DatabasePast, u64)> {
    // The name of a file of the log begins with the timeline that is written now; the control file
    // learns of a new one later.
    let (system, timeline, oldest, newest): Snapshot = sqlx::query_as(
        "SELECT system_identifier::text, left(pg_walfile_name(pg_current_wal_lsn()), 8),
                pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text
         FROM pg_control_system(), pg_current_snapshot() AS s",
    )
    .fetch_one(connection)
    .await?;
    let past = DatabasePast {
        system,
        timeline,
        newest: number(&newest)?,
    };
    Ok((past, number(&oldest)?))
}

fn number(text: &str) -> sqlx::Result<u64> {
    text.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(newest: u64) -> DatabasePast {
        DatabasePast {
            system: "7".to_owned(),
            timeline: "00000001".to_owned(),
            newest,
        }
    }

    #[test]
    fn a_loss_lasts_until_it_is_forgotten_however_far_the_database_comes_meanwhile() {
        let keeper = PastKeeper::default();
        assert!(!keeper.follow(None, &past(40)));
        let known = keeper.known();
        assert!(keeper.compare(known.as_ref(), &past(30)));
        assert!(keeper.follow(known.as_ref(), &past(50)));
        assert_eq!(keeper.check().unwrap_err().kind, Kind::Unavailable);
        assert!(!keeper.is_lost(Epoch(9)), "the gate decides until then");

        keeper.begin_anew(past(51), Epoch(9));
        assert!(keeper.check().is_ok());
        assert!(keeper.is_lost(Epoch(9)) && !keeper.is_lost(Epoch(10)));
        assert!(!keeper.follow(keeper.known().as_ref(), &past(52)));
    }

    #[test]
    fn what_another_session_sees_meanwhile_is_no_loss() {
        let keeper = PastKeeper::default();
        keeper.follow(None, &past(40));
        let known = keeper.known();
        keeper.follow(known.as_ref(), &past(45));
        assert!(!keeper.compare(known.as_ref(), &past(42)));
    }
}
