//! The feed of changes. There is one writer, so that ordinals are given in the order of commits.

use super::Database;
use crate::changes::{ChangeCursor, Changes, DatabasePast};
use crate::column;
use crate::fault::Result;

pub(crate) async fn since(database: &Database, cursor: Option<ChangeCursor>) -> Result<Changes> {
    let mut snapshot = database.readers().begin().await?;
    let newest: i64 = sqlx::query_scalar("SELECT coalesce(max(ordinal), 0) FROM settings_history")
        .fetch_one(&mut *snapshot)
        .await?;
    let newest = column::count("ordinal", newest)?;
    let owners: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT owner_id FROM settings_history WHERE ordinal > ? ORDER BY owner_id",
    )
    .bind(column::number(cursor.map_or(newest, |cursor| cursor.0))?)
    .fetch_all(&mut *snapshot)
    .await?;
    snapshot.commit().await?;
    let owners = owners.iter().map(|id| column::owner_id(id));
    Ok(Changes {
        owners: owners.collect::<Result<_>>()?,
        cursor: ChangeCursor(newest),
        // Nobody puts another file in its place while a process has it open.
        past_is_lost: false,
        past: DatabasePast {
            system: String::new(),
            timeline: String::new(),
            newest,
        },
    })
}
