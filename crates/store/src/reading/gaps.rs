//! Gaps.

use rollcall_model::{PartitionId, SequenceNumber, StreamId, Timestamp};
use schemars::JsonSchema;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use serde::Serialize;

use crate::entities::gaps::{Column, Entity, Model};
use crate::fault;
use crate::store::Operation;
use crate::{Error, GapReason, Page, Store, column, cursor};

/// Numbers of a partition that the hub did not have when they were due.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GapRow {
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    /// The last number before the gap.
    pub after_sequence_number: SequenceNumber,
    /// The last number that is missing.
    pub upto_sequence_number: SequenceNumber,
    pub reason: GapReason,
    pub found_at: Timestamp,
}

impl Store {
    /// By stream, partition and number; of one partition, if it is named.
    ///
    /// # Errors
    /// [`crate::Kind::BadCursor`] for a cursor that no list gave; otherwise as every transaction.
    pub async fn list_gaps(
        &self,
        partition_id: Option<PartitionId>,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<GapRow>, Error> {
        let cursor = cursor.map(str::to_owned);
        self.call(Operation::read("list_gaps", ""), move |backend| {
            let cursor = cursor.clone();
            async move { list(backend.reading(), partition_id, limit, cursor.as_deref()).await }
        })
        .await
    }
}

const KEY: [Column; 3] = [
    Column::StreamId,
    Column::PartitionId,
    Column::AfterSequenceNumber,
];

async fn list(
    db: &DatabaseConnection,
    partition_id: Option<PartitionId>,
    limit: u32,
    cursor: Option<&str>,
) -> fault::Result<Page<GapRow>> {
    let mut query = Entity::find().limit(cursor::page_size(limit) + 1);
    for column in KEY {
        query = query.order_by_asc(column);
    }
    if let Some(partition_id) = partition_id {
        query = query.filter(Column::PartitionId.eq(i64::from(partition_id.0)));
    }
    if let Some((stream, partition, after)) = cursor::decode::<(i64, i64, i64)>(cursor)? {
        let behind = [stream, partition, after].map(Expr::value);
        query = query.filter(Expr::tuple(KEY.map(Expr::col)).gt(Expr::tuple(behind)));
    }
    let rows = query.all(db).await?;
    let key = |row: &Model| (row.stream_id, row.partition_id, row.after_sequence_number);
    cursor::page(rows, limit, key, read)
}

fn read(row: Model) -> fault::Result<GapRow> {
    Ok(GapRow {
        stream_id: StreamId(row.stream_id),
        partition_id: column::partition_id(row.partition_id)?,
        after_sequence_number: SequenceNumber(row.after_sequence_number),
        upto_sequence_number: SequenceNumber(row.upto_sequence_number),
        reason: column::name("reason", &row.reason)?,
        found_at: row.found_at.0,
    })
}
