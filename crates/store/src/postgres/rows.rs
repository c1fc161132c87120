//! What a commit writes beside the checkpoint, each table in the order of its key.

use sqlx::PgConnection;

use super::copy::{Fields, copy};
use crate::Batch;
use crate::commit::fates::Row;
use crate::fault::Result;

const STATUSES: &str = "COPY statuses
    (owner_id, sub_owner_id, stream_id, partition_id, sequence_number, enqueued_at, status_at,
     data, value, version) FROM STDIN (FORMAT binary)";
const STATUS_COLUMNS: u16 = 10;

/// Guarded by I5: an older status never replaces a newer one.
const LATEST: &str = "INSERT INTO latest_statuses AS l
        (owner_id, sub_owner_id, stream_id, partition_id, sequence_number, enqueued_at,
         status_at, data, value, version)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],
                         $6::timestamptz[], $7::timestamptz[], $8::text[],
                         $9::double precision[], $10::bigint[])
    ON CONFLICT (owner_id, sub_owner_id) DO UPDATE SET
        stream_id = excluded.stream_id, partition_id = excluded.partition_id,
        sequence_number = excluded.sequence_number, enqueued_at = excluded.enqueued_at,
        status_at = excluded.status_at, data = excluded.data, value = excluded.value,
        version = excluded.version
    WHERE (excluded.status_at, excluded.enqueued_at, excluded.partition_id,
           excluded.sequence_number)
        > (l.status_at, l.enqueued_at, l.partition_id, l.sequence_number)";

const HELD: &str = "INSERT INTO held_statuses
        (stream_id, partition_id, sequence_number, owner_id, sub_owner_id, enqueued_at,
         status_at, data)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
                         $6::timestamptz[], $7::timestamptz[], $8::text[])";

const DEAD: &str = "INSERT INTO dead_letters
        (stream_id, partition_id, sequence_number, enqueued_at, reason, detail, body, state)
    SELECT *, 'open' FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[],
                                 $5::text[], $6::text[], $7::bytea[])";

const GAPS: &str = "INSERT INTO gaps
        (stream_id, partition_id, after_sequence_number, upto_sequence_number, reason, found_at)
    SELECT *, clock_timestamp()
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])";

pub(super) async fn copy_statuses(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<()> {
    copy(connection, STATUSES, STATUS_COLUMNS, rows, encode_status).await
}

fn encode_status(fields: &mut Fields, row: &Row<'_>) -> Result<()> {
    fields.text(row.status.owner_id.as_str())?;
    fields.text(row.status.sub_owner_id.as_str())?;
    fields.number(row.batch.stream_id.0);
    fields.number(i64::from(row.batch.partition_id.0));
    fields.number(row.status.sequence_number.0);
    fields.time(row.status.enqueued_at);
    fields.time(row.status.status_at);
    fields.text(&row.status.data)?;
    fields.float(row.value);
    fields.number(row.version);
    Ok(())
}

/// The column of an array that `read` gives for each row.
fn column<'r, R, T>(rows: &'r [R], read: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(read).collect()
}

/// `rows` holds each key once.
pub(super) async fn upsert_latest(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(LATEST)
        .bind(column(rows, |row| row.status.owner_id.as_str()))
        .bind(column(rows, |row| row.status.sub_owner_id.as_str()))
        .bind(column(rows, |row| row.batch.stream_id.0))
        .bind(column(rows, |row| i64::from(row.batch.partition_id.0)))
        .bind(column(rows, |row| row.status.sequence_number.0))
        .bind(column(rows, |row| row.status.enqueued_at.to_offset()))
        .bind(column(rows, |row| row.status.status_at.to_offset()))
        .bind(column(rows, |row| &*row.status.data))
        .bind(column(rows, |row| row.value))
        .bind(column(rows, |row| row.version))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn insert_held(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|row| (row.batch.key(), row.status.sequence_number));
    sqlx::query(HELD)
        .bind(column(&rows, |row| row.batch.stream_id.0))
        .bind(column(&rows, |row| i64::from(row.batch.partition_id.0)))
        .bind(column(&rows, |row| row.status.sequence_number.0))
        .bind(column(&rows, |row| row.status.owner_id.as_str()))
        .bind(column(&rows, |row| row.status.sub_owner_id.as_str()))
        .bind(column(&rows, |row| row.status.enqueued_at.to_offset()))
        .bind(column(&rows, |row| row.status.status_at.to_offset()))
        .bind(column(&rows, |row| &*row.status.data))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn insert_dead(connection: &mut PgConnection, due: &[&Batch]) -> Result<()> {
    let mut rows: Vec<_> = due
        .iter()
        .flat_map(|batch| batch.dead.iter().map(move |dead| (*batch, dead)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(batch, dead)| (batch.key(), dead.sequence_number));
    sqlx::query(DEAD)
        .bind(column(&rows, |(batch, _)| batch.stream_id.0))
        .bind(column(&rows, |(batch, _)| i64::from(batch.partition_id.0)))
        .bind(column(&rows, |(_, dead)| dead.sequence_number.0))
        .bind(column(&rows, |(_, dead)| dead.enqueued_at.to_offset()))
        .bind(column(&rows, |(_, dead)| dead.reason.as_str()))
        .bind(column(&rows, |(_, dead)| dead.detail.as_str()))
        .bind(column(&rows, |(_, dead)| dead.body.as_slice()))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn insert_gaps(connection: &mut PgConnection, due: &[&Batch]) -> Result<()> {
    let rows: Vec<_> = due
        .iter()
        .flat_map(|batch| batch.gaps.iter().map(move |gap| (*batch, gap)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(GAPS)
        .bind(column(&rows, |(batch, _)| batch.stream_id.0))
        .bind(column(&rows, |(batch, _)| i64::from(batch.partition_id.0)))
        .bind(column(&rows, |(_, gap)| gap.span.after.0))
        .bind(column(&rows, |(_, gap)| gap.span.upto.0))
        .bind(column(&rows, |(_, gap)| gap.reason.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}
