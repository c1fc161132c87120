//! What a commit writes beside the checkpoint, each table in the order of its key.

use rollcall_model::Timestamp;
use sqlx::SqliteConnection;

use super::blocks;
use super::bulk::{Insert, Values, insert};
use crate::Batch;
use crate::commit::fates::Row;
use crate::fault::Result;

const STATUSES: Insert = Insert {
    head: "INSERT INTO statuses
               (owner_id, sub_owner_id, stream_id, partition_id, sequence_number, enqueued_at,
                status_at, data, value, version) VALUES",
    columns: 10,
    tail: "",
};

/// Guarded by I5: an older status never replaces a newer one.
const LATEST: Insert = Insert {
    head: "INSERT INTO latest_statuses
               (owner_id, sub_owner_id, stream_id, partition_id, sequence_number, enqueued_at,
                status_at, data, value, version) VALUES",
    columns: 10,
    tail: "ON CONFLICT (owner_id, sub_owner_id) DO UPDATE SET
               stream_id = excluded.stream_id, partition_id = excluded.partition_id,
               sequence_number = excluded.sequence_number, enqueued_at = excluded.enqueued_at,
               status_at = excluded.status_at, data = excluded.data, value = excluded.value,
               version = excluded.version
           WHERE (excluded.status_at, excluded.enqueued_at, excluded.partition_id,
                  excluded.sequence_number)
               > (latest_statuses.status_at, latest_statuses.enqueued_at,
                  latest_statuses.partition_id, latest_statuses.sequence_number)",
};

const HELD: Insert = Insert {
    head: "INSERT INTO held_statuses
               (stream_id, partition_id, sequence_number, owner_id, sub_owner_id, enqueued_at,
                status_at, data) VALUES",
    columns: 8,
    tail: "",
};

const DEAD: Insert = Insert {
    head: "INSERT INTO dead_letters
               (stream_id, partition_id, sequence_number, enqueued_at, reason, detail, body, state)
           VALUES",
    columns: 8,
    tail: "",
};

const GAPS: Insert = Insert {
    head: "INSERT INTO gaps
               (stream_id, partition_id, after_sequence_number, upto_sequence_number, reason,
                found_at) VALUES",
    columns: 6,
    tail: "",
};

pub(super) async fn insert_statuses(
    connection: &mut SqliteConnection,
    rows: &[Row<'_>],
) -> Result<()> {
    insert(connection, &STATUSES, rows, bind_status).await?;
    blocks::note(connection, rows).await
}

/// `rows` holds each key once.
pub(super) async fn upsert_latest(
    connection: &mut SqliteConnection,
    rows: &[Row<'_>],
) -> Result<()> {
    insert(connection, &LATEST, rows, bind_status).await
}

pub(super) async fn insert_held(connection: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<()> {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|row| (row.batch.key(), row.status.sequence_number));
    insert(connection, &HELD, &rows, |values, row| {
        bind_place(values, row.batch, row.status.sequence_number.0)?;
        values.text(row.status.owner_id.as_str())?;
        values.text(row.status.sub_owner_id.as_str())?;
        values.text(row.status.enqueued_at.to_text().as_str())?;
        values.text(row.status.status_at.to_text().as_str())?;
        values.text(&row.status.data)
    })
    .await
}

pub(super) async fn insert_dead(connection: &mut SqliteConnection, due: &[&Batch]) -> Result<()> {
    let mut rows: Vec<_> = due
        .iter()
        .flat_map(|batch| batch.dead.iter().map(move |dead| (*batch, dead)))
        .collect();
    rows.sort_unstable_by_key(|(batch, dead)| (batch.key(), dead.sequence_number));
    insert(connection, &DEAD, &rows, |values, (batch, dead)| {
        bind_place(values, batch, dead.sequence_number.0)?;
        values.text(dead.enqueued_at.to_text().as_str())?;
        values.text(dead.reason.as_str())?;
        values.text(dead.detail.as_str())?;
        values.add(dead.body.as_slice())?;
        values.text("open")
    })
    .await
}

pub(super) async fn insert_gaps(
    connection: &mut SqliteConnection,
    due: &[&Batch],
    now: Timestamp,
) -> Result<()> {
    let rows: Vec<_> = due
        .iter()
        .flat_map(|batch| batch.gaps.iter().map(move |gap| (*batch, gap)))
        .collect();
    insert(connection, &GAPS, &rows, |values, (batch, gap)| {
        bind_place(values, batch, gap.span.after.0)?;
        values.add(gap.span.upto.0)?;
        values.text(gap.reason.as_str())?;
        values.text(now.to_text().as_str())
    })
    .await
}

fn bind_status(values: &mut Values, row: &Row<'_>) -> Result<()> {
    values.text(row.status.owner_id.as_str())?;
    values.text(row.status.sub_owner_id.as_str())?;
    bind_place(values, row.batch, row.status.sequence_number.0)?;
    values.text(row.status.enqueued_at.to_text().as_str())?;
    values.text(row.status.status_at.to_text().as_str())?;
    values.text(&row.status.data)?;
    values.add(row.value)?;
    values.add(row.version)
}

fn bind_place(values: &mut Values, batch: &Batch, number: i64) -> Result<()> {
    values.add(batch.stream_id.0)?;
    values.add(i64::from(batch.partition_id.0))?;
    values.add(number)
}
