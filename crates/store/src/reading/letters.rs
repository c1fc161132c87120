//! Dead letters and the outbox.

use std::collections::HashMap;

use rollcall_model::{SequenceNumber, StreamId};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::entities::{dead_letters, outbox_deliveries, outbox_events};
use crate::fault::{Fault, Result};
use crate::{
    DeadLetterRow, DeadLetterState, DeliveryRow, DeliveryState, OutboxRow, Page, column, cursor,
};

pub(super) async fn list_dead_letters(
    db: &DatabaseConnection,
    state: Option<DeadLetterState>,
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
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.as_str()));
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
    let numbers: Vec<i64> = id
        .splitn(3, '-')
        .map_while(|part| part.parse().ok())
        .collect();
    let [stream, partition, number] = numbers[..] else {
        return Ok(None);
    };
    let row = dead_letters::Entity::find_by_id((stream, partition, number))
        .one(db)
        .await?;
    row.map(read_dead_letter).transpose()
}

fn read_dead_letter(row: dead_letters::Model) -> Result<DeadLetterRow> {
    let (stream, partition, number) = (row.stream_id, row.partition_id, row.sequence_number);
    Ok(DeadLetterRow {
        id: format!("{stream}-{partition}-{number}"),
        stream_id: StreamId(stream),
        partition_id: column::partition_id(partition)?,
        sequence_number: SequenceNumber(number),
        enqueued_at: row.enqueued_at.0,
        reason: column::name("reason", &row.reason)?,
        detail: row.detail,
        body: row.body,
        state: column::name("state", &row.state)?,
    })
}

pub(super) async fn list_events(
    db: &DatabaseConnection,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<OutboxRow>> {
    use outbox_events::{Column, Entity};
    let mut query = Entity::find()
        .order_by_asc(Column::Ordinal)
        .limit(cursor::page_size(limit) + 1);
    if let Some((after,)) = cursor::decode::<(i64,)>(cursor)? {
        query = query.filter(Column::Ordinal.gt(after));
    }
    let rows = query.all(db).await?;
    let mut deliveries = deliveries(db, &rows).await?;
    let mut page = cursor::page(rows, limit, |row| (row.ordinal,), read_event)?;
    for event in &mut page.items {
        event.deliveries = deliveries
            .remove(&event.event_id.to_string())
            .unwrap_or_default();
    }
    Ok(page)
}

/// The deliveries of the events, by event id, in the order of the sinks' names.
async fn deliveries(
    db: &DatabaseConnection,
    events: &[outbox_events::Model],
) -> Result<HashMap<String, Vec<DeliveryRow>>> {
    use outbox_deliveries::{Column, Entity};
    let ids = events.iter().map(|event| event.event_id.as_str());
    let rows = Entity::find()
        .filter(Column::EventId.is_in(ids))
        .order_by_asc(Column::Sink)
        .all(db)
        .await?;
    let mut deliveries: HashMap<String, Vec<DeliveryRow>> = HashMap::new();
    for row in rows {
        let state = DeliveryState::parse(&row.state)
            .ok_or_else(|| Fault::defect(format!("{:?} is no state of a delivery", row.state)))?;
        deliveries
            .entry(row.event_id)
            .or_default()
            .push(DeliveryRow {
                sink: row.sink,
                state,
                attempts: u32::try_from(row.attempts).map_err(Fault::defect)?,
                sent_at: row.sent_at.map(|at| at.0),
                last_error: row.last_error,
            });
    }
    Ok(deliveries)
}

fn read_event(row: outbox_events::Model) -> Result<OutboxRow> {
    Ok(OutboxRow {
        event_id: column::uuid("event_id", &row.event_id)?,
        event_type: row.r#type,
        subject: row.subject,
        payload: column::raw_json("payload", row.payload)?,
        created_at: row.created_at.0,
        deliveries: Vec::new(),
    })
}
