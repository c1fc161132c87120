//! What is held of owners, on SQLite: a few look-ups by the index for each.

use rollcall_model::{OwnerId, PartitionId};
use sqlx::SqliteConnection;

use super::Database;
use crate::column;
use crate::fault::Result;
use crate::pending::{HeldOfOwner, SampleColumns, read_sample};

/// In the order of the ids.
pub(crate) async fn held(database: &Database, ids: &[&OwnerId]) -> Result<Vec<HeldOfOwner>> {
    let mut reading = database.readers().begin().await?;
    let mut held = Vec::with_capacity(ids.len());
    for owner_id in ids {
        held.push(held_of(&mut reading, owner_id.as_str()).await?);
    }
    reading.commit().await?;
    Ok(held)
}

async fn held_of(connection: &mut SqliteConnection, owner_id: &str) -> Result<HeldOfOwner> {
    let count: Option<i64> = sqlx::query_scalar("SELECT held FROM held_counts WHERE owner_id = ?")
        .bind(owner_id)
        .fetch_optional(&mut *connection)
        .await?;
    let sample: Option<SampleColumns<String>> = sqlx::query_as(
        "SELECT sub_owner_id, enqueued_at, data FROM held_statuses WHERE owner_id = ?
         ORDER BY stream_id, partition_id, sequence_number LIMIT 1",
    )
    .bind(owner_id)
    .fetch_optional(&mut *connection)
    .await?;
    let time = |text: String| column::timestamp("enqueued_at", &text);
    Ok(HeldOfOwner {
        held: column::count("held", count.unwrap_or(0))?,
        partitions: partitions(connection, owner_id).await?,
        sample: sample.map(|row| read_sample(row, time)).transpose()?,
    })
}

/// Each step is to the next partition, past all that is held of the one before.
async fn partitions(connection: &mut SqliteConnection, owner_id: &str) -> Result<Vec<PartitionId>> {
    let mut found: Vec<PartitionId> = Vec::new();
    let mut last = (i64::MIN, i64::MIN);
    loop {
        let next: Option<(i64, i64)> = sqlx::query_as(
            "SELECT stream_id, partition_id FROM held_statuses
             WHERE owner_id = ?1 AND (stream_id, partition_id) > (?2, ?3)
             ORDER BY stream_id, partition_id LIMIT 1",
        )
        .bind(owner_id)
        .bind(last.0)
        .bind(last.1)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(next) = next else { break };
        found.push(column::partition_id(next.1)?);
        last = next;
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
