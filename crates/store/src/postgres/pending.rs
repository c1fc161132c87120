//! What is held of owners, on PostgreSQL.

use std::collections::HashMap;

use rollcall_model::{OwnerId, PartitionId};
use time::OffsetDateTime;

use super::Database;
use crate::column;
use crate::fault::Result;
use crate::pending::{HeldOfOwner, SampleColumns, read_sample};

/// Owner, count, partitions, sample.
type Columns = (
    String,
    i64,
    Vec<i64>,
    Option<String>,
    Option<OffsetDateTime>,
    Option<String>,
);

/// Each step of the recursion is to the next partition, past all that is held of the one before.
const HELD: &str = "
    SELECT o.owner_id, coalesce(c.held, 0), coalesce(p.partitions, '{}'),
           s.sub_owner_id, s.enqueued_at, s.data
    FROM unnest($1::text[]) AS o (owner_id)
    LEFT JOIN held_counts AS c ON c.owner_id = o.owner_id
    LEFT JOIN LATERAL (
        SELECT h.sub_owner_id, h.enqueued_at, h.data FROM held_statuses AS h
        WHERE h.owner_id = o.owner_id
        ORDER BY h.owner_id, h.stream_id, h.partition_id, h.sequence_number LIMIT 1) AS s ON true
    LEFT JOIN LATERAL (
        WITH RECURSIVE step AS (
            (SELECT h.stream_id, h.partition_id FROM held_statuses AS h
             WHERE h.owner_id = o.owner_id
             ORDER BY h.owner_id, h.stream_id, h.partition_id LIMIT 1)
            UNION ALL
            SELECT n.stream_id, n.partition_id FROM step CROSS JOIN LATERAL (
                SELECT h.stream_id, h.partition_id FROM held_statuses AS h
                WHERE h.owner_id = o.owner_id
                  AND (h.stream_id, h.partition_id) > (step.stream_id, step.partition_id)
                ORDER BY h.owner_id, h.stream_id, h.partition_id LIMIT 1) AS n)
        SELECT array_agg(DISTINCT partition_id ORDER BY partition_id) AS partitions
        FROM step) AS p ON true";

/// In the order of the ids.
pub(crate) async fn held(database: &Database, ids: &[&OwnerId]) -> Result<Vec<HeldOfOwner>> {
    let texts: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    let rows: Vec<Columns> = sqlx::query_as(HELD)
        .bind(texts)
        .fetch_all(database.readers())
        .await?;
    let mut held: HashMap<String, HeldOfOwner> =
        rows.into_iter().map(read).collect::<Result<_>>()?;
    let found = ids.iter().map(|id| held.remove(id.as_str()));
    Ok(found.map(Option::unwrap_or_default).collect())
}

fn read(
    (owner_id, count, partitions, sub_owner_id, enqueued_at, data): Columns,
) -> Result<(String, HeldOfOwner)> {
    let partitions = partitions.into_iter().map(column::partition_id);
    let sample: Option<SampleColumns<OffsetDateTime>> =
        (|| Some((sub_owner_id?, enqueued_at?, data?)))();
    let sample = sample.map(|row| read_sample(row, |time| Ok(time.into())));
    let held = HeldOfOwner {
        held: column::count("held", count)?,
        partitions: partitions.collect::<Result<Vec<PartitionId>>>()?,
        sample: sample.transpose()?,
    };
    Ok((owner_id, held))
}
