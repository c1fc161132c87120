//! Replay and discard of a dead letter on SQLite.

use sqlx::SqliteConnection;

use super::{Database, commit, rows};
use crate::commit::fates::Rows;
use crate::dead_letters::{moved_one, owner_is};
use crate::fault::Result;
use crate::{Batch, DeadLetterId, DeadLetterState, LetterAnswer};

pub(crate) async fn replay(
    database: &Database,
    id: DeadLetterId,
    batch: &Batch,
) -> Result<LetterAnswer> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    if let Some(answer) = unfit(connection, id).await? {
        writing.roll_back().await?;
        return Ok(answer);
    }
    let candidates = Rows::of(&[batch]);
    let owners = commit::owners(connection, &candidates).await?;
    let fates = candidates.route(&[batch], &owners)?;
    if fates.stored.is_empty() {
        writing.roll_back().await?;
        return owner_is(&owners);
    }
    rows::insert_statuses(connection, &fates.stored).await?;
    rows::upsert_latest(connection, &fates.latest()).await?;
    set_state(connection, id, DeadLetterState::Replayed).await?;
    let moved = sqlx::query(
        "UPDATE partitions SET dead = dead - 1, stored = stored + 1
         WHERE stream_id = ? AND partition_id = ?",
    )
    .bind(id.stream_id.0)
    .bind(i64::from(id.partition_id.0))
    .execute(connection)
    .await?;
    moved_one(moved.rows_affected())?;
    writing.commit().await?;
    database.live().show(&fates.stored);
    Ok(LetterAnswer::Done)
}

pub(crate) async fn discard(database: &Database, id: DeadLetterId) -> Result<LetterAnswer> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    if let Some(answer) = unfit(connection, id).await? {
        writing.roll_back().await?;
        return Ok(answer);
    }
    set_state(connection, id, DeadLetterState::Discarded).await?;
    writing.commit().await?;
    Ok(LetterAnswer::Done)
}

/// Why the letter is not one that waits.
async fn unfit(
    connection: &mut SqliteConnection,
    id: DeadLetterId,
) -> Result<Option<LetterAnswer>> {
    let state: Option<String> = sqlx::query_scalar(
        "SELECT state FROM dead_letters
         WHERE stream_id = ? AND partition_id = ? AND sequence_number = ?",
    )
    .bind(id.stream_id.0)
    .bind(i64::from(id.partition_id.0))
    .bind(id.sequence_number.0)
    .fetch_optional(connection)
    .await?;
    LetterAnswer::unless_open(state.as_deref())
}

async fn set_state(
    connection: &mut SqliteConnection,
    id: DeadLetterId,
    state: DeadLetterState,
) -> Result<()> {
    sqlx::query(
        "UPDATE dead_letters SET state = ?
         WHERE stream_id = ? AND partition_id = ? AND sequence_number = ?",
    )
    .bind(state.as_str())
    .bind(id.stream_id.0)
    .bind(i64::from(id.partition_id.0))
    .bind(id.sequence_number.0)
    .execute(connection)
    .await?;
    Ok(())
}
