//! Retention: whole days are detached and dropped, and what they held is counted as removed.

use std::time::Duration;

use rollcall_model::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use super::Database;
use super::days::{self, Day};
use crate::fault::Result;

/// Detaching waits for the readers and writers of `statuses`, and whoever comes after waits for
/// it: not longer than this. A day that is not given up stays until the next call.
const DETACH_TIMEOUT: Duration = Duration::from_secs(2);

/// Drops the days that were over at `before`; each in a transaction of its own, the oldest first.
pub(crate) async fn expire(database: &Database, before: Timestamp) -> Result<u64> {
    let mut connection = database.readers().acquire().await?;
    let days = days::existing(&mut connection).await?;
    drop(connection);
    let mut removed = 0;
    for day in days.into_iter().filter(|day| day.is_over(before)) {
        removed += drop_day(database, day).await?;
    }
    Ok(removed)
}

async fn drop_day(database: &Database, day: Day) -> Result<u64> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    days::lock(connection).await?;
    // Another node may have been quicker.
    if !days::existing(connection).await?.contains(&day) {
        writing.roll_back().await?;
        return Ok(0);
    }
    let counts = count(connection, day).await?;
    detach(connection, day).await?;
    for (stream_id, partition_id, rows) in &counts {
        note_removed(connection, *stream_id, *partition_id, *rows).await?;
    }
    writing.commit().await?;
    database.forget_days();
    let removed = counts.iter().map(|(_, _, rows)| rows.unsigned_abs()).sum();
    Ok(removed)
}

/// The rows by partition, which nobody adds to from then on.
async fn count(connection: &mut PgConnection, day: Day) -> Result<Vec<(i64, i64, i64)>> {
    let table = day.table();
    let lock = AssertSqlSafe(format!("LOCK TABLE {table} IN SHARE MODE"));
    sqlx::raw_sql(lock).execute(&mut *connection).await?;
    let count = AssertSqlSafe(format!(
        "SELECT stream_id, partition_id, count(*) FROM {table} GROUP BY 1, 2 ORDER BY 1, 2"
    ));
    Ok(sqlx::query_as(count)
        .persistent(false)
        .fetch_all(connection)
        .await?)
}

async fn detach(connection: &mut PgConnection, day: Day) -> Result<()> {
    let (table, timeout) = (day.table(), DETACH_TIMEOUT.as_millis());
    let sql = AssertSqlSafe(format!(
        "SET LOCAL lock_timeout = {timeout};
         ALTER TABLE statuses DETACH PARTITION {table};
         DROP TABLE {table}"
    ));
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}

pub(super) async fn note_removed(
    connection: &mut PgConnection,
    stream_id: i64,
    partition_id: i64,
    rows: i64,
) -> Result<()> {
    sqlx::query(
        "UPDATE partitions SET removed = removed + $3
         WHERE stream_id = $1 AND partition_id = $2",
    )
    .bind(stream_id)
    .bind(partition_id)
    .bind(rows)
    .execute(connection)
    .await?;
    Ok(())
}
