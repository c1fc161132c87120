//! Recalibrations on PostgreSQL.
//!
//! A step locks its job first, which nobody else locks together with anything; then the owner, and
//! then statuses and the newest ones, in the order of every other transaction.

use rollcall_model::{OwnerId, SubOwnerId, Timestamp};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Database;
use crate::column;
use crate::fault::{Fault, Result};
use crate::recalibration::listing::present;
use crate::recalibration::{
    CHUNK_ROWS, CHUNK_SUB_OWNERS, Chunk, Job, JobColumns, NewRecalibration, Place,
    RecalibrationAnswer, RecalibrationRange, RecalibrationStart, RecalibrationStep,
    RecalibrationWish, RecalibrationWorker, WORKED_FOR, read_job, value,
};

/// Time, where the row lies (its table's day and its place there), data, value.
type StatusColumns = (OffsetDateTime, i64, String, String, Option<f64>);

pub(crate) async fn count(database: &Database, range: &RecalibrationRange) -> Result<Option<u64>> {
    let mut connection = database.readers().acquire().await?;
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM owners WHERE owner_id = $1")
        .bind(range.owner_id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    match version {
        Some(version) => Ok(Some(count_below(&mut connection, range, version).await?)),
        None => Ok(None),
    }
}

/// Statuses of the range with an earlier version.
async fn count_below(
    connection: &mut PgConnection,
    range: &RecalibrationRange,
    version: i64,
) -> Result<u64> {
    // One range of the index for each sub-owner.
    let counted: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sub_owners AS o JOIN statuses AS s USING (owner_id, sub_owner_id)
         WHERE o.owner_id = $1 AND ($2::text IS NULL OR o.sub_owner_id = $2)
           AND s.status_at >= $3 AND s.status_at < $4 AND s.version < $5",
    )
    .bind(range.owner_id.as_str())
    .bind(range.sub_owner_id.as_ref().map(SubOwnerId::as_str))
    .bind(from(range))
    .bind(range.to_at.to_offset())
    .bind(version)
    .fetch_one(connection)
    .await?;
    column::count("count", counted)
}

fn from(range: &RecalibrationRange) -> OffsetDateTime {
    range.from_at.unwrap_or(Timestamp::MIN).to_offset()
}

pub(crate) async fn start(
    database: &Database,
    job: &NewRecalibration,
) -> Result<RecalibrationStart> {
    let range = &job.range;
    let mut writing = database.write().await?;
    let connection = writing.connection();
    let owner: Option<(i64, String)> =
        sqlx::query_as("SELECT version, settings FROM owners WHERE owner_id = $1 FOR SHARE")
            .bind(range.owner_id.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    let Some((version, settings)) = owner else {
        writing.roll_back().await?;
        return Ok(RecalibrationStart::NoOwner);
    };
    let statuses = count_below(connection, range, version).await?;
    let made = sqlx::query(
        "INSERT INTO recalibrations
             (job_id, owner_id, sub_owner_id, from_at, to_at, version, settings, state, statuses,
              created_at, created_by, updated_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, 'running', $8, now, $9, now
         FROM clock_timestamp() AS now
         ON CONFLICT DO NOTHING",
    )
    .bind(job.job_id.to_string())
    .bind(range.owner_id.as_str())
    .bind(range.sub_owner_id.as_ref().map(SubOwnerId::as_str))
    .bind(range.from_at.map(Timestamp::to_offset))
    .bind(range.to_at.to_offset())
    .bind(version)
    .bind(settings)
    .bind(column::number(statuses)?)
    .bind(&job.created_by)
    .execute(connection)
    .await?;
    writing.commit().await?;
    if made.rows_affected() == 1 {
        let row = present(database.reading(), &job.job_id.to_string()).await?;
        return row.map(RecalibrationStart::Started).ok_or_else(gone);
    }
    open(database, &range.owner_id).await
}

/// The one that is in the way; it may be over by now, and then somebody has to ask again.
async fn open(database: &Database, owner_id: &OwnerId) -> Result<RecalibrationStart> {
    let job_id: Option<String> = sqlx::query_scalar(
        "SELECT job_id FROM recalibrations WHERE owner_id = $1
         ORDER BY state IN ('running', 'paused') DESC, created_at DESC LIMIT 1",
    )
    .bind(owner_id.as_str())
    .fetch_optional(database.readers())
    .await?;
    let row = present(database.reading(), &job_id.unwrap_or_default()).await?;
    row.map(RecalibrationStart::Open).ok_or_else(gone)
}

fn gone() -> Fault {
    Fault::defect("a job was made and is not there")
}

pub(crate) async fn steer(
    database: &Database,
    job_id: Uuid,
    wish: RecalibrationWish,
) -> Result<RecalibrationAnswer> {
    let (to, from) = wish.states();
    let mut writing = database.write().await?;
    // Waits for the step that is under way.
    let changed = sqlx::query(
        "UPDATE recalibrations
         SET state = $2, updated_at = clock_timestamp(), worker = NULL, worked_until = NULL
         WHERE job_id = $1 AND state = ANY($3)",
    )
    .bind(job_id.to_string())
    .bind(to)
    .bind(&from[..])
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    let row = present(database.reading(), &job_id.to_string()).await?;
    Ok(RecalibrationAnswer::of(changed.rows_affected(), row))
}

pub(crate) async fn take(
    database: &Database,
    worker: &RecalibrationWorker,
) -> Result<Option<Uuid>> {
    let idle: bool = sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM recalibrations WHERE state = 'running')",
    )
    .fetch_one(database.readers())
    .await?;
    if idle {
        return Ok(None);
    }
    let mut writing = database.write().await?;
    let job_id: Option<String> = sqlx::query_scalar(
        "UPDATE recalibrations
         SET node = $1, worker = $2, worked_until = clock_timestamp() + make_interval(secs => $3)
         WHERE job_id = (
             SELECT job_id FROM recalibrations
             WHERE state = 'running'
               AND (worker IS NULL OR worker = $2 OR worked_until < clock_timestamp())
             ORDER BY created_at, job_id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING job_id",
    )
    .bind(&worker.node)
    .bind(worker.incarnation.to_string())
    .bind(WORKED_FOR.as_secs_f64())
    .fetch_optional(writing.connection())
    .await?;
    writing.commit().await?;
    job_id.map(|id| column::uuid("job_id", &id)).transpose()
}

pub(crate) async fn leave(database: &Database, incarnation: Uuid) -> Result<()> {
    let mut writing = database.write().await?;
    sqlx::query("UPDATE recalibrations SET worker = NULL, worked_until = NULL WHERE worker = $1")
        .bind(incarnation.to_string())
        .execute(writing.connection())
        .await?;
    writing.commit().await
}

pub(crate) async fn advance(
    database: &Database,
    job_id: Uuid,
    incarnation: Uuid,
) -> Result<RecalibrationStep> {
    let mut writing = database.write().await?;
    let connection = writing.connection();
    let Some(job) = ours(connection, job_id, incarnation).await? else {
        writing.roll_back().await?;
        return Ok(RecalibrationStep::NotOurs);
    };
    sqlx::query("SELECT 1 FROM owners WHERE owner_id = $1 FOR SHARE")
        .bind(job.range.owner_id.as_str())
        .execute(&mut *connection)
        .await?;
    let (chunk, place) = walk(connection, &job).await?;
    let left = match place {
        Some(_) => 1,
        // What was committed behind the place meanwhile is for another walk.
        None => count_below(connection, &job.range, job.version).await?,
    };
    sqlx::query(
        "UPDATE recalibrations
         SET statuses_done = statuses_done + $2, statuses_changed = statuses_changed + $3,
             place_sub_owner_id = $4, place_at = $5, state = $6, updated_at = clock_timestamp(),
             worked_until = clock_timestamp() + make_interval(secs => $7)
         WHERE job_id = $1",
    )
    .bind(job_id.to_string())
    .bind(column::number(chunk.done)?)
    .bind(column::number(chunk.changed)?)
    .bind(place.as_ref().map(|place| place.sub_owner_id.as_str()))
    .bind(
        place
            .as_ref()
            .and_then(|place| place.at)
            .map(Timestamp::to_offset),
    )
    .bind(if left == 0 { "done" } else { "running" })
    .bind(WORKED_FOR.as_secs_f64())
    .execute(connection)
    .await?;
    writing.commit().await?;
    match left {
        0 => Ok(RecalibrationStep::Finished),
        _ => Ok(RecalibrationStep::Went(chunk.done)),
    }
}

/// Locks the job, if it still is this worker's.
async fn ours(
    connection: &mut PgConnection,
    job_id: Uuid,
    incarnation: Uuid,
) -> Result<Option<Job>> {
    let row: Option<JobColumns<OffsetDateTime>> = sqlx::query_as(
        "SELECT owner_id, sub_owner_id, from_at, to_at, version, settings, place_sub_owner_id,
                place_at
         FROM recalibrations
         WHERE job_id = $1 AND state = 'running' AND worker = $2 FOR UPDATE",
    )
    .bind(job_id.to_string())
    .bind(incarnation.to_string())
    .fetch_optional(connection)
    .await?;
    row.map(|row| read_job(row, |time: OffsetDateTime| Ok(time.into())))
        .transpose()
}

/// Goes on from the job's place; where it is then, none at the end.
async fn walk(connection: &mut PgConnection, job: &Job) -> Result<(Chunk, Option<Place>)> {
    let mut chunk = Chunk::default();
    let mut place = match &job.place {
        Some(place) => Some(place.clone()),
        None => next(connection, job, None).await?,
    };
    for _ in 0..CHUNK_SUB_OWNERS {
        let Some(at) = &place else { break };
        let limit = CHUNK_ROWS - column::number(chunk.done)?;
        let rows = read(connection, job, at, limit).await?;
        if at.at.is_none() {
            mend_latest(connection, job, &at.sub_owner_id).await?;
        }
        let full = i64::try_from(rows.len()).is_ok_and(|length| length == limit);
        let last = rows.last().map(|row| row.0.into());
        let wrote = write(connection, job, &at.sub_owner_id, rows).await?;
        chunk.done += wrote.done;
        chunk.changed += wrote.changed;
        if full {
            place = Some(Place {
                sub_owner_id: at.sub_owner_id.clone(),
                at: last,
            });
            break;
        }
        place = next(connection, job, Some(&at.sub_owner_id)).await?;
    }
    Ok((chunk, place))
}

/// The beginning of the sub-owner behind that one.
async fn next(
    connection: &mut PgConnection,
    job: &Job,
    after: Option<&SubOwnerId>,
) -> Result<Option<Place>> {
    let next: Option<String> = sqlx::query_scalar(
        "SELECT sub_owner_id FROM sub_owners
         WHERE owner_id = $1 AND ($2::text IS NULL OR sub_owner_id = $2)
           AND ($3::text IS NULL OR sub_owner_id > $3)
         ORDER BY sub_owner_id LIMIT 1",
    )
    .bind(job.range.owner_id.as_str())
    .bind(job.range.sub_owner_id.as_ref().map(SubOwnerId::as_str))
    .bind(after.map(SubOwnerId::as_str))
    .fetch_optional(connection)
    .await?;
    let place = |id: String| {
        Ok(Place {
            sub_owner_id: column::sub_owner_id(&id)?,
            at: None,
        })
    };
    next.map(place).transpose()
}

/// Those of one moment that an earlier step has done already have the version.
async fn read(
    connection: &mut PgConnection,
    job: &Job,
    place: &Place,
    limit: i64,
) -> Result<Vec<StatusColumns>> {
    let begin = place
        .at
        .map_or_else(|| from(&job.range), Timestamp::to_offset);
    let rows = sqlx::query_as(
        "SELECT status_at, tableoid::bigint, ctid::text, data, value
         FROM statuses
         WHERE owner_id = $1 AND sub_owner_id = $2 AND status_at >= $3 AND status_at < $4
           AND version < $5
         ORDER BY status_at LIMIT $6 FOR UPDATE",
    )
    .bind(job.range.owner_id.as_str())
    .bind(place.sub_owner_id.as_str())
    .bind(begin)
    .bind(job.range.to_at.to_offset())
    .bind(job.version)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

async fn write(
    connection: &mut PgConnection,
    job: &Job,
    sub_owner_id: &SubOwnerId,
    rows: Vec<StatusColumns>,
) -> Result<Chunk> {
    let mut chunk = Chunk::default();
    if rows.is_empty() {
        return Ok(chunk);
    }
    let (mut days, mut places, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (_, day, place, data, before) in rows {
        let value = value(&job.settings, sub_owner_id, &data);
        chunk.done += 1;
        chunk.changed += u64::from(value != before);
        days.push(day);
        places.push(place);
        values.push(value);
    }
    // By where they lie, which their lock keeps: by their key, a planner that knows nothing of the
    // table yet compares each of these rows with each of the owner's.
    sqlx::query(
        "UPDATE statuses AS s SET value = n.value, version = $1
         FROM unnest($2::bigint[], $3::text[]::tid[], $4::double precision[])
              AS n (day, place, value)
         WHERE s.ctid = n.place AND s.tableoid = n.day::oid",
    )
    .bind(job.version)
    .bind(days)
    .bind(places)
    .bind(values)
    .execute(connection)
    .await?;
    Ok(chunk)
}

/// The newest status is another table's row, which may have outlived its own in `statuses`.
async fn mend_latest(
    connection: &mut PgConnection,
    job: &Job,
    sub_owner_id: &SubOwnerId,
) -> Result<()> {
    let data: Option<String> = sqlx::query_scalar(
        "SELECT data FROM latest_statuses
         WHERE owner_id = $1 AND sub_owner_id = $2 AND status_at >= $3 AND status_at < $4
           AND version < $5 FOR UPDATE",
    )
    .bind(job.range.owner_id.as_str())
    .bind(sub_owner_id.as_str())
    .bind(from(&job.range))
    .bind(job.range.to_at.to_offset())
    .bind(job.version)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(data) = data {
        sqlx::query(
            "UPDATE latest_statuses SET value = $3, version = $4
             WHERE owner_id = $1 AND sub_owner_id = $2",
        )
        .bind(job.range.owner_id.as_str())
        .bind(sub_owner_id.as_str())
        .bind(value(&job.settings, sub_owner_id, &data))
        .bind(job.version)
        .execute(connection)
        .await?;
    }
    Ok(())
}
