//! Copying the log into the database beside the writer.
//!
//! SQLite by itself copies the log inside the COMMIT that makes it long enough, and everybody waits
//! for the disk meanwhile. Here a task copies on a connection of its own, in steps, while the writer
//! goes on. The log begins anew only once all of it is copied, which a busy writer would never let
//! happen; so a long log is copied once more in the writer's place, when only its last few pages
//! are left.

use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::fault::{Fault, Result};

/// Pages of 4 KiB (32 MiB) that wait to be copied before the task begins: the pages of the index that
/// every group touches are then copied once for several groups.
const STEP_PAGES: i64 = 8_000;
/// Pages in the log (64 MiB) from which on it should begin anew.
const LONG_PAGES: i64 = 16_000;

/// What is in the log: pages, and how many of them are in the database already.
struct Log {
    pages: i64,
    copied: i64,
}

/// The task. Dropped, it stops.
pub(super) struct Checkpointer {
    committed: Arc<Notify>,
    task: AbortHandle,
}

impl Checkpointer {
    /// `connection` is a pool of one connection that nobody else uses.
    pub(super) fn start(connection: SqlitePool, writer: SqlitePool) -> Self {
        let committed = Arc::new(Notify::new());
        let watching = watch(committed.clone(), connection, writer);
        Self {
            committed,
            task: tokio::spawn(watching).abort_handle(),
        }
    }

    /// To be rung after each commit.
    pub(super) fn bell(&self) -> Arc<Notify> {
        self.committed.clone()
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(committed: Arc<Notify>, connection: SqlitePool, writer: SqlitePool) {
    loop {
        committed.notified().await;
        // Nothing is lost: the log is as good a place for data as the database. It grows until a
        // later look succeeds, or until the writer has to copy it by itself.
        if let Err(fault) = copy(&connection, &writer).await {
            tracing::warn!(
                error = fault.chain(),
                "the write-ahead log could not be copied into the database, it grows until it can"
            );
        }
    }
}

async fn copy(connection: &SqlitePool, writer: &SqlitePool) -> Result<()> {
    let log = checkpoint(connection, "NOOP").await?;
    if log.pages - log.copied < STEP_PAGES {
        return Ok(());
    }
    let log = checkpoint(connection, "PASSIVE").await?;
    if log.pages >= LONG_PAGES {
        let place = writer.acquire().await?;
        checkpoint(connection, "PASSIVE").await?;
        drop(place);
    }
    Ok(())
}

async fn checkpoint(connection: &SqlitePool, mode: &str) -> Result<Log> {
    // An identifier cannot be bound.
    let statement = sqlx::AssertSqlSafe(format!("PRAGMA wal_checkpoint({mode})"));
    let (_busy, pages, copied): (i64, i64, i64) =
        sqlx::query_as(statement).fetch_one(connection).await?;
    if pages < 0 {
        return Err(Fault::defect("the database has no write-ahead log"));
    }
    Ok(Log { pages, copied })
}

#[cfg(test)]
mod tests {
    use sqlx::SqlitePool;

    use crate::sqlite::checkpoint::{LONG_PAGES, checkpoint};
    use crate::store::Backend;
    use crate::{Config, Store};

    /// About one page of the log a row, beside the writer's own bookkeeping.
    const ROW_BYTES: i64 = 4_000;
    const ROWS_PER_COMMIT: i64 = 1_000;

    async fn write(store: &Store) {
        let Backend::Sqlite(database) = store.backend() else {
            panic!("the store is one of SQLite");
        };
        let mut writing = database.write().await.unwrap();
        sqlx::query(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ?)
             INSERT INTO filling SELECT randomblob(?) FROM numbers",
        )
        .bind(ROWS_PER_COMMIT)
        .bind(ROW_BYTES)
        .execute(writing.connection())
        .await
        .unwrap();
        writing.commit().await.unwrap();
    }

    #[tokio::test]
    async fn the_log_begins_anew_while_the_writer_never_rests() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/roll.db", directory.path().display());
        let store = Store::open(Config::new(url.clone())).await.unwrap();
        let looking = SqlitePool::connect(&url).await.unwrap();
        sqlx::query("CREATE TABLE filling (bytes BLOB)")
            .execute(&looking)
            .await
            .unwrap();

        // Ten times what makes a log long: were it never to begin anew, all of it would be there.
        let mut written = 0;
        let mut longest = 0;
        while written < 10 * LONG_PAGES {
            write(&store).await;
            written += ROWS_PER_COMMIT;
            longest = longest.max(checkpoint(&looking, "NOOP").await.unwrap().pages);
        }
        assert!(longest < 4 * LONG_PAGES, "{longest} pages");
        let copied: i64 = sqlx::query_scalar("SELECT count(*) FROM filling")
            .fetch_one(&looking)
            .await
            .unwrap();
        assert_eq!(copied, written);
    }
}
