//! Rows of `state_counts`: each change of states adds some, and their sum takes their place.

use std::time::Duration;

use tokio::time::timeout;

use super::Database;
use crate::fault::Result;

/// So few rows are read faster than a transaction would add them up.
pub(crate) const WORTH_ADDING_UP: i64 = 1_000;
/// For a connection, which others need more.
const PATIENCE: Duration = Duration::from_millis(100);

/// So many at a time that nobody waits long; what another node is adding up is left to it.
const ADD_UP: &str = "WITH gone AS (
        DELETE FROM state_counts WHERE ordinal IN (
            SELECT ordinal FROM state_counts LIMIT 5000 FOR UPDATE SKIP LOCKED)
        RETURNING counted, state, number)
    INSERT INTO state_counts (counted, state, number)
    SELECT counted, state, sum(number) FROM gone GROUP BY counted, state";

/// What does not get a connection is left to whoever reads next.
pub(crate) async fn add_up(database: &Database) -> Result<()> {
    // A store that was opened for reading leaves it to others.
    if database.writers.is_none() {
        return Ok(());
    }
    let Ok(writing) = timeout(PATIENCE, database.write()).await else {
        return Ok(());
    };
    let mut writing = writing?;
    sqlx::query(ADD_UP).execute(writing.connection()).await?;
    writing.commit().await
}
