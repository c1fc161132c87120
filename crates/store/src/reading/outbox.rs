//! The outbox: events with their deliveries, and how each sink stands.

use std::collections::{BTreeMap, HashMap};

use rollcall_model::Timestamp;
use schemars::JsonSchema;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Select,
};
use serde::Serialize;
use uuid::Uuid;

use crate::entities::{event_sinks, outbox_deliveries, outbox_events};
use crate::fault::{Fault, Result};
use crate::store::Operation;
use crate::{DeliveryState, Error, Order, Page, Store, column, cursor};

/// An event of the outbox with what became of it at each sink.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OutboxRow {
    pub event_id: Uuid,
    #[serde(rename = "type")]
    pub event_type: String,
    pub subject: String,
    pub payload: Box<serde_json::value::RawValue>,
    pub created_at: Timestamp,
    pub deliveries: Vec<DeliveryRow>,
}

/// Which events of the outbox a list shows, and in which order.
#[derive(Debug, Clone)]
pub struct EventFilter {
    /// Only those with a delivery in this state.
    pub state: Option<DeliveryState>,
    /// Only those with a delivery at this sink (in that state).
    pub sink: Option<String>,
    pub order: Order,
}

impl Default for EventFilter {
    /// All of them, oldest first.
    fn default() -> Self {
        Self {
            state: None,
            sink: None,
            order: Order::OldestFirst,
        }
    }
}

/// How far the outbox is at a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SinkStanding {
    pub sink: String,
    /// Whether events are made due at it. Of others only what is parked is shown.
    pub registered: bool,
    pub pending: u64,
    /// When the oldest pending event was made.
    pub oldest_pending_at: Option<Timestamp>,
    /// Given up until somebody resends them.
    pub parked: u64,
}

/// An event at a sink.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeliveryRow {
    pub sink: String,
    pub state: DeliveryState,
    pub attempts: u32,
    pub sent_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// # Errors
/// Every method: by [`crate::Kind`], as every transaction.
impl Store {
    /// In the order in which they were made. A cursor goes with the filter that it came from.
    pub async fn list_events(
        &self,
        filter: &EventFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> std::result::Result<Page<OutboxRow>, Error> {
        let asked = (filter.clone(), cursor.map(str::to_owned));
        self.call(Operation::read("list_events", ""), move |backend| {
            let (filter, cursor) = asked.clone();
            async move {
                let cursor = cursor.as_deref();
                list_events(backend.reading(), &filter, limit, cursor).await
            }
        })
        .await
    }

    pub async fn event(&self, event_id: Uuid) -> std::result::Result<Option<OutboxRow>, Error> {
        let operation = Operation::read("event", event_id.to_string());
        self.call(operation, move |backend| async move {
            event(backend.reading(), event_id).await
        })
        .await
    }

    /// How far each sink is, by name.
    pub async fn outbox_standing(&self) -> std::result::Result<Vec<SinkStanding>, Error> {
        self.call(
            Operation::read("outbox_standing", ""),
            |backend| async move { standing(backend.reading()).await },
        )
        .await
    }
}

async fn list_events(
    db: &DatabaseConnection,
    filter: &EventFilter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<OutboxRow>> {
    use outbox_events::{Column, Entity};
    let mut query = filtered(Entity::find(), filter).limit(cursor::page_size(limit) + 1);
    let after = cursor::decode::<(i64,)>(cursor)?.map(|(ordinal,)| ordinal);
    query = match filter.order {
        Order::OldestFirst => query.order_by_asc(Column::Ordinal),
        Order::NewestFirst => query.order_by_desc(Column::Ordinal),
    };
    if let Some(after) = after {
        query = query.filter(match filter.order {
            Order::OldestFirst => Column::Ordinal.gt(after),
            Order::NewestFirst => Column::Ordinal.lt(after),
        });
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

/// Those that have a delivery in the state, at the sink.
fn filtered(
    query: Select<outbox_events::Entity>,
    filter: &EventFilter,
) -> Select<outbox_events::Entity> {
    use outbox_deliveries::{Column, Entity};
    if filter.state.is_none() && filter.sink.is_none() {
        return query;
    }
    let mut deliveries = Entity::find().select_only().column(Column::EventId);
    if let Some(state) = filter.state {
        // As a literal: the indices of pending and parked ones are not used for a parameter.
        deliveries = deliveries.filter(Expr::cust(match state {
            DeliveryState::Pending => "state = 'pending'",
            DeliveryState::Sent => "state = 'sent'",
            DeliveryState::Parked => "state = 'parked'",
        }));
    }
    if let Some(sink) = &filter.sink {
        deliveries = deliveries.filter(Column::Sink.eq(sink.as_str()));
    }
    query.filter(outbox_events::Column::EventId.in_subquery(deliveries.into_query()))
}

async fn event(db: &DatabaseConnection, event_id: Uuid) -> Result<Option<OutboxRow>> {
    use outbox_events::{Column, Entity};
    let row = Entity::find()
        .filter(Column::EventId.eq(event_id.to_string()))
        .one(db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let mut deliveries = deliveries(db, std::slice::from_ref(&row)).await?;
    let mut event = read_event(row)?;
    event.deliveries = deliveries.remove(&event_id.to_string()).unwrap_or_default();
    Ok(Some(event))
}

/// By name: every registered sink, and every other at which something is parked.
async fn standing(db: &DatabaseConnection) -> Result<Vec<SinkStanding>> {
    let mut sinks: BTreeMap<String, SinkStanding> = BTreeMap::new();
    let names: Vec<String> = event_sinks::Entity::find()
        .select_only()
        .column(event_sinks::Column::Name)
        .into_tuple()
        .all(db)
        .await?;
    for name in names {
        sinks
            .entry(name.clone())
            .or_insert_with(|| SinkStanding::of(name))
            .registered = true;
    }
    for (name, count, oldest) in counted(db, "state = 'pending'").await? {
        let oldest = made_at(db, oldest).await?;
        let sink = sinks
            .entry(name.clone())
            .or_insert_with(|| SinkStanding::of(name));
        sink.pending = column::count("pending", count)?;
        sink.oldest_pending_at = oldest;
    }
    for (name, count, _) in counted(db, "state = 'parked'").await? {
        let sink = sinks
            .entry(name.clone())
            .or_insert_with(|| SinkStanding::of(name));
        sink.parked = column::count("parked", count)?;
    }
    Ok(sinks.into_values().collect())
}

/// By sink: how many deliveries, and the least ordinal. The condition is a literal, for its index.
async fn counted(
    db: &DatabaseConnection,
    condition: &'static str,
) -> Result<Vec<(String, i64, i64)>> {
    use outbox_deliveries::{Column, Entity};
    let rows = Entity::find()
        .select_only()
        .column(Column::Sink)
        .column_as(Column::EventId.count(), "deliveries")
        .column_as(Column::Ordinal.min(), "oldest")
        .filter(Expr::cust(condition))
        .group_by(Column::Sink)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows)
}

async fn made_at(db: &DatabaseConnection, ordinal: i64) -> Result<Option<Timestamp>> {
    let row = outbox_events::Entity::find()
        .filter(outbox_events::Column::Ordinal.eq(ordinal))
        .one(db)
        .await?;
    Ok(row.map(|row| row.created_at.0))
}

impl SinkStanding {
    fn of(sink: String) -> Self {
        Self {
            sink,
            registered: false,
            pending: 0,
            oldest_pending_at: None,
            parked: 0,
        }
    }
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
        let state = column::name("state", &row.state)?;
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
