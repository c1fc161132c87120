//! Rows of `state_counts`: each change of states adds some, and their sum takes their place.

use std::time::Duration;

use tokio::time::timeout;

use super::Database;
use crate::fault::Result;

/// More rows than this are worth a transaction: adding up as many takes a fraction of a millisecond.
pub(crate) const WORTH_ADDING_UP: i64 = 1_000;
/// For who reads, and would wait for no writer otherwise.
const PATIENCE: Duration = Duration::from_millis(100);

/// Those that another node is adding up are left to it.
const ADD_UP: &str = "WITH gone AS (
        DELETE FROM state_counts WHERE ordinal IN (
            SELECT ordinal FROM state_counts FOR UPDATE SKIP LOCKED)
        RETURNING counted, state, number)
    INSERT INTO state_counts (counted, state, number)
    SELECT counted, state, sum(number) FROM gone GROUP BY counted, state";

/// What fails, or takes long, is left to whoever reads next.
pub(crate) async fn add_up(database: &Database) {
    if let Ok(Err(fault)) = timeout(PATIENCE, try_add_up(database)).await {
        let error = fault.chain();
        tracing::debug!(error, "counts of states are not added up: {error}");
    }
}

async fn try_add_up(database: &Database) -> Result<()> {
    // A store that was opened for reading leaves it to others.
    if database.writers.is_none() {
        return Ok(());
    }
    let mut writing = database.write().await?;
    sqlx::query(ADD_UP).execute(writing.connection()).await?;
    writing.commit().await
}
