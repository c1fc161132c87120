//! The feed of changes, by the ids of the transactions that wrote them.

use rollcall_model::Epoch;

use super::{Database, past};
use crate::changes::{ChangeCursor, Changes};
use crate::column;
use crate::fault::Result;

pub(crate) async fn since(database: &Database, cursor: Option<ChangeCursor>) -> Result<Changes> {
    let known = database.past.known();
    let mut snapshot = database.snapshot().await?;
    let (past, oldest) = past::look(&mut snapshot).await?;
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
        cursor: ChangeCursor(oldest),
        past_is_lost: database.past.follow(known.as_ref(), &past),
        past,
    })
}

/// Whatever lease is claimed from now on has a greater epoch than those from before: these are of
/// an earlier second, since a database is not restored within one, and the next claim is of this
/// second at least.
pub(crate) async fn begin_anew(database: &Database) -> Result<()> {
    let mut snapshot = database.snapshot().await?;
    let (past, _) = past::look(&mut snapshot).await?;
    let newest: i64 = sqlx::query_scalar(
        "SELECT greatest(max(epoch), floor(extract(epoch FROM clock_timestamp()))::bigint - 1)
         FROM partitions",
    )
    .fetch_one(&mut *snapshot)
    .await?;
    snapshot.commit().await?;
    database.past.begin_anew(past, Epoch(newest));
    Ok(())
}
