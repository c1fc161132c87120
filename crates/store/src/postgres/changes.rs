//! The feed of changes, by the ids of the transactions that wrote them.

use super::Database;
use crate::changes::{ChangeCursor, Changes, DatabasePast};
use crate::column;
use crate::fault::{Fault, Result};

/// System identifier, timeline, and of the snapshot the oldest transaction that was running and
/// the next that will.
type Snapshot = (String, String, String, String);

pub(crate) async fn since(database: &Database, cursor: Option<ChangeCursor>) -> Result<Changes> {
    let mut snapshot = database.snapshot().await?;
    // The name of a file of the log begins with the timeline that is written now; the control file
    // learns of a new one later.
    let (system, timeline, oldest, newest): Snapshot = sqlx::query_as(
        "SELECT system_identifier::text, left(pg_walfile_name(pg_current_wal_lsn()), 8),
                pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text
         FROM pg_control_system(), pg_current_snapshot() AS s",
    )
    .fetch_one(&mut *snapshot)
    .await?;
    let owners: Vec<String> = match cursor {
        None => Vec::new(),
        Some(ChangeCursor(from)) => {
            sqlx::query_scalar(
                "SELECT DISTINCT owner_id FROM settings_history WHERE xid >= $1::text::xid8
                 ORDER BY owner_id",
            )
            .bind(from.to_string())
            .fetch_all(&mut *snapshot)
            .await?
        }
    };
    snapshot.commit().await?;
    let owners = owners.iter().map(|id| column::owner_id(id));
    Ok(Changes {
        owners: owners.collect::<Result<_>>()?,
        cursor: ChangeCursor(number(&oldest)?),
        past: DatabasePast {
            system,
            timeline,
            newest: number(&newest)?,
        },
    })
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(Fault::defect)
}
