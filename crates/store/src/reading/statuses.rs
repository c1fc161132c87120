//! Statuses of one sub-owner, and the newest of each of an owner.

use rollcall_model::{OwnerId, SequenceNumber, StreamId, SubOwnerId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseBackend, DatabaseConnection, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};

use crate::entities::statuses::{Column, Entity, Model};
use crate::entities::{StoredTime, latest_statuses};
use crate::fault::Result;
use crate::{Order, Page, StatusRange, StatusRow, column, cursor};

/// The rule of the newest, and the stream last: numbers of two generations may be alike.
type Key = (String, String, i64, i64, i64);
const KEY: [Column; 5] = [
    Column::StatusAt,
    Column::EnqueuedAt,
    Column::PartitionId,
    Column::SequenceNumber,
    Column::StreamId,
];

pub(super) async fn list(
    db: &DatabaseConnection,
    (owner_id, sub_owner_id): (&OwnerId, &SubOwnerId),
    range: StatusRange,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<StatusRow>> {
    let mut query = Entity::find()
        .filter(Column::OwnerId.eq(owner_id.as_str()))
        .filter(Column::SubOwnerId.eq(sub_owner_id.as_str()))
        .filter(within(db, range))
        .limit(cursor::page_size(limit) + 1);
    if let Some(after) = cursor::decode::<Key>(cursor)? {
        query = query.filter(behind(db, after, range.order)?);
    }
    let rows = ordered(query, range.order).all(db).await?;
    cursor::page(rows, limit, key, read)
}

fn within(db: &DatabaseConnection, range: StatusRange) -> Condition {
    let from = range
        .from
        .map(|from| Column::StatusAt.into_expr().gte(time(db, from)));
    let to = range
        .to
        .map(|to| Column::StatusAt.into_expr().lt(time(db, to)));
    Condition::all().add_option(from).add_option(to)
}

/// A time to compare a column with.
pub(crate) fn time(db: &DatabaseConnection, time: Timestamp) -> Expr {
    let text = Expr::value(StoredTime(time));
    match db.get_database_backend() {
        DatabaseBackend::Postgres => text.cast_as("timestamptz"),
        _ => text,
    }
}

fn ordered(mut query: Select<Entity>, order: Order) -> Select<Entity> {
    for column in KEY {
        query = match order {
            Order::NewestFirst => query.order_by_desc(column),
            Order::OldestFirst => query.order_by_asc(column),
        };
    }
    query
}

/// What lies behind the key in the list's order. Text that is no time cannot come from a cursor
/// that a list gave, and one database would compare it while the other refuses it.
fn behind(
    db: &DatabaseConnection,
    (status_at, enqueued_at, partition, number, stream): Key,
    order: Order,
) -> Result<Expr> {
    let time = |text: &str| {
        let at = Timestamp::parse(text).map_err(|_| crate::fault::Fault::bad_cursor())?;
        Ok::<_, crate::fault::Fault>(time(db, at))
    };
    let columns = Expr::tuple(KEY.map(Expr::col));
    let key = Expr::tuple([
        time(&status_at)?,
        time(&enqueued_at)?,
        Expr::value(partition),
        Expr::value(number),
        Expr::value(stream),
    ]);
    Ok(match order {
        Order::NewestFirst => columns.lt(key),
        Order::OldestFirst => columns.gt(key),
    })
}

fn key(row: &Model) -> Key {
    (
        row.status_at.0.to_string(),
        row.enqueued_at.0.to_string(),
        row.partition_id,
        row.sequence_number,
        row.stream_id,
    )
}

pub(super) async fn latest(
    db: &DatabaseConnection,
    owner_id: &OwnerId,
    sub_owner_id: &SubOwnerId,
) -> Result<Option<StatusRow>> {
    let key = (owner_id.to_string(), sub_owner_id.to_string());
    let row = latest_statuses::Entity::find_by_id(key).one(db).await?;
    row.map(|row| read(row.into())).transpose()
}

pub(super) async fn latest_of_each(
    db: &DatabaseConnection,
    owner_id: &OwnerId,
    limit: u32,
) -> Result<Vec<StatusRow>> {
    let rows = latest_statuses::Entity::find()
        .filter(latest_statuses::Column::OwnerId.eq(owner_id.as_str()))
        .order_by_asc(latest_statuses::Column::SubOwnerId)
        .limit(cursor::page_size(limit))
        .all(db)
        .await?;
    rows.into_iter().map(|row| read(row.into())).collect()
}

impl From<latest_statuses::Model> for Model {
    fn from(row: latest_statuses::Model) -> Self {
        Self {
            owner_id: row.owner_id,
            sub_owner_id: row.sub_owner_id,
            stream_id: row.stream_id,
            partition_id: row.partition_id,
            sequence_number: row.sequence_number,
            enqueued_at: row.enqueued_at,
            status_at: row.status_at,
            data: row.data,
            value: row.value,
            version: row.version,
        }
    }
}

fn read(row: Model) -> Result<StatusRow> {
    Ok(StatusRow {
        owner_id: column::owner_id(&row.owner_id)?,
        sub_owner_id: column::sub_owner_id(&row.sub_owner_id)?,
        stream_id: StreamId(row.stream_id),
        partition_id: column::partition_id(row.partition_id)?,
        sequence_number: SequenceNumber(row.sequence_number),
        enqueued_at: row.enqueued_at.0,
        status_at: row.status_at.0,
        data: column::raw_json("data", row.data)?,
        value: row.value,
        version: row.version,
    })
}
