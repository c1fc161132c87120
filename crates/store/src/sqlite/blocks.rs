//! Which rows of `statuses` have which times.
//!
//! Replays and retention look for statuses by the time at which the hub had them. Rows are appended
//! in about that order, so a block says of a range of rowids from when to when its rows are; each
//! commit extends the last block or adds one. Whoever looks reads the blocks that meet its range,
//! and of their rows those that do. (An index on the time costs a tenth of a commit.)

use rollcall_model::Timestamp;
use sqlx::SqliteConnection;

use crate::commit::fates::Row;
use crate::fault::Result;

/// A block that has so many rows is not extended: what one look-up may read in vain.
const FULL_ROWS: i64 = 10_000;

/// Notes the rows that were appended last, in the transaction that appended them.
pub(super) async fn note(connection: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<()> {
    let times = || rows.iter().map(|row| row.status.enqueued_at);
    let (Some(from), Some(to)) = (times().min(), times().max()) else {
        return Ok(());
    };
    let last: i64 = sqlx::query_scalar("SELECT max(rowid) FROM statuses")
        .fetch_one(&mut *connection)
        .await?;
    let first = last - i64::try_from(rows.len()).unwrap_or(i64::MAX) + 1;
    if !extend(connection, (first, last), (from, to)).await? {
        add(connection, (first, last), (from, to)).await?;
    }
    Ok(())
}

async fn extend(
    connection: &mut SqliteConnection,
    (first, last): (i64, i64),
    (from, to): (Timestamp, Timestamp),
) -> Result<bool> {
    let extended = sqlx::query(
        "UPDATE status_blocks
         SET last_rowid = ?, enqueued_from = min(enqueued_from, ?),
             enqueued_to = max(enqueued_to, ?)
         WHERE first_rowid = (SELECT max(first_rowid) FROM status_blocks)
           AND last_rowid = ? AND last_rowid - first_rowid < ?",
    )
    .bind(last)
    .bind(from.to_string())
    .bind(to.to_string())
    .bind(first - 1)
    .bind(FULL_ROWS)
    .execute(connection)
    .await?;
    Ok(extended.rows_affected() == 1)
}

/// A block may begin at this rowid already: SQLite gives rowids again when the last rows of the
/// table are gone.
async fn add(
    connection: &mut SqliteConnection,
    (first, last): (i64, i64),
    (from, to): (Timestamp, Timestamp),
) -> Result<()> {
    sqlx::query(
        "INSERT INTO status_blocks AS b (first_rowid, last_rowid, enqueued_from, enqueued_to)
         VALUES (?, ?, ?, ?)
         ON CONFLICT (first_rowid) DO UPDATE SET
             last_rowid = max(b.last_rowid, excluded.last_rowid),
             enqueued_from = min(b.enqueued_from, excluded.enqueued_from),
             enqueued_to = max(b.enqueued_to, excluded.enqueued_to)",
    )
    .bind(first)
    .bind(last)
    .bind(from.to_string())
    .bind(to.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the blocks before that time that have no row any more.
pub(super) async fn forget_empty(
    connection: &mut SqliteConnection,
    before: Timestamp,
) -> Result<()> {
    sqlx::query(
        "DELETE FROM status_blocks
         WHERE enqueued_to < ? AND NOT EXISTS (
             SELECT 1 FROM statuses WHERE rowid BETWEEN first_rowid AND last_rowid)",
    )
    .bind(before.to_string())
    .execute(connection)
    .await?;
    Ok(())
}
