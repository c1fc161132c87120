//! Dead letters.

use rollcall_model::{PartitionId, SequenceNumber, StreamId};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::entities::dead_letters;
use crate::fault::Result;
use crate::{DeadLetterFilter, DeadLetterId, DeadLetterRow, Page, column, cursor};

pub(super) async fn list_dead_letters(
    db: &DatabaseConnection,
    filter: &DeadLetterFilter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<DeadLetterRow>> {
    use dead_letters::{Column, Entity};
    const KEY: [Column; 3] = [
        Column::StreamId,
        Column::PartitionId,
        Column::SequenceNumber,
    ];
    let mut query = Entity::find().limit(cursor::page_size(limit) + 1);
    for column in KEY {
        query = query.order_by_asc(column);
    }
    if let Some(state) = filter.state {
        query = query.filter(Column::State.eq(state.as_str()));
    }
    if let Some(reason) = filter.reason {
        query = query.filter(Column::Reason.eq(reason.as_str()));
    }
    if let Some(PartitionId(partition)) = filter.partition_id {
        query = query.filter(Column::PartitionId.eq(i64::from(partition)));
    }
    if let Some((stream, partition, number)) = cursor::decode::<(i64, i64, i64)>(cursor)? {
        let after = [stream, partition, number].map(Expr::value);
        query = query.filter(Expr::tuple(KEY.map(Expr::col)).gt(Expr::tuple(after)));
    }
    let rows = query.all(db).await?;
    let key = |row: &dead_letters::Model| (row.stream_id, row.partition_id, row.sequence_number);
    cursor::page(rows, limit, key, read_dead_letter)
}

/// A text that is no id names no dead letter.
pub(super) async fn dead_letter(
    db: &DatabaseConnection,
    id: &str,
) -> Result<Option<DeadLetterRow>> {
    let Ok(id) = id.parse::<DeadLetterId>() else {
        return Ok(None);
    };
    let (stream, partition) = (id.stream_id.0, i64::from(id.partition_id.0));
    let row = dead_letters::Entity::find_by_id((stream, partition, id.sequence_number.0))
        .one(db)
        .await?;
    row.map(read_dead_letter).transpose()
}

fn read_dead_letter(row: dead_letters::Model) -> Result<DeadLetterRow> {
    let id = DeadLetterId {
        stream_id: StreamId(row.stream_id),
        partition_id: column::partition_id(row.partition_id)?,
        sequence_number: SequenceNumber(row.sequence_number),
    };
    Ok(DeadLetterRow {
        id: id.to_string(),
        stream_id: id.stream_id,
        partition_id: id.partition_id,
        sequence_number: id.sequence_number,
        enqueued_at: row.enqueued_at.0,
        reason: column::name("reason", &row.reason)?,
        detail: row.detail,
        body: row.body,
        state: column::name("state", &row.state)?,
    })
}
