//! Streams, partitions and nodes.

use std::collections::{HashMap, HashSet};

use rollcall_model::{Epoch, SequenceNumber, StreamId, Timestamp};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
};

use crate::entities::{nodes, partitions, streams};
use crate::fault::Result;
use crate::{NodeRow, PartitionRow, PartitionState, Stream, StreamRow, column};

pub(super) async fn current_streams(
    db: &DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<Stream>> {
    let rows = resolved_first(db).await?;
    let current = current(db, &rows, now).await?;
    let rows = rows.into_iter();
    Ok(rows
        .filter(|row| current.contains(&row.stream_id))
        .map(read_stream)
        .collect())
}

pub(super) async fn list_streams(
    db: &DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<StreamRow>> {
    let rows = resolved_first(db).await?;
    let current = current(db, &rows, now).await?;
    let mut streams: Vec<_> = rows
        .into_iter()
        .map(|row| StreamRow {
            current: current.contains(&row.stream_id),
            stream: read_stream(row),
        })
        .collect();
    streams.sort_by(|a, b| order(&a.stream).cmp(&order(&b.stream)));
    Ok(streams)
}

fn order(stream: &Stream) -> (&str, &str, &str, i64) {
    let Stream {
        namespace,
        event_hub,
        consumer_group,
        generation,
        ..
    } = stream;
    (namespace, event_hub, consumer_group, *generation)
}

/// Few rows: a hub is re-created seldom. Of each (namespace, event hub, consumer group) the one that
/// was resolved last comes first.
async fn resolved_first(db: &DatabaseConnection) -> Result<Vec<streams::Model>> {
    let rows = streams::Entity::find()
        .order_by_asc(streams::Column::Namespace)
        .order_by_asc(streams::Column::EventHub)
        .order_by_asc(streams::Column::ConsumerGroup)
        .order_by_desc(streams::Column::Resolved)
        .all(db)
        .await?;
    Ok(rows)
}

/// The ids of those that are read now. `rows` are in the order of [`resolved_first`].
async fn current(
    db: &DatabaseConnection,
    rows: &[streams::Model],
    now: Timestamp,
) -> Result<HashSet<i64>> {
    let last = rows.iter().map(|row| row.resolved).max();
    let leased = leased_streams(db, now).await?;
    let firsts = rows.chunk_by(|a, b| {
        (&a.namespace, &a.event_hub, &a.consumer_group)
            == (&b.namespace, &b.event_hub, &b.consumer_group)
    });
    Ok(firsts
        .filter_map(<[_]>::first)
        .filter(|row| Some(row.resolved) == last || leased.contains(&row.stream_id))
        .map(|row| row.stream_id)
        .collect())
}

async fn leased_streams(db: &DatabaseConnection, now: Timestamp) -> Result<HashSet<i64>> {
    let leases = partitions::Entity::find().all(db).await?;
    let held = leases
        .into_iter()
        .filter(|lease| lease.expires_at.is_some_and(|at| at.0 > now));
    Ok(held.map(|lease| lease.stream_id).collect())
}

fn read_stream(row: streams::Model) -> Stream {
    Stream {
        stream_id: StreamId(row.stream_id),
        namespace: row.namespace,
        event_hub: row.event_hub,
        consumer_group: row.consumer_group,
        generation: row.generation,
        hub_created_at: row.hub_created_at.0,
    }
}

pub(super) async fn list(
    db: &DatabaseConnection,
    stream_id: StreamId,
    now: Timestamp,
) -> Result<Vec<PartitionRow>> {
    let rows = partitions::Entity::find()
        .filter(partitions::Column::StreamId.eq(stream_id.0))
        .order_by_asc(partitions::Column::PartitionId)
        .all(db)
        .await?;
    rows.into_iter().map(|row| read(row, now)).collect()
}

fn read(row: partitions::Model, now: Timestamp) -> Result<PartitionRow> {
    let state = state(&row, now)?;
    let position = row.sequence_number;
    // The hub may have had more when it was last asked than it had when the events were read.
    let lag_events = row
        .last_enqueued_sequence_number
        .zip(position)
        .map(|(last, position)| (last - position).max(0));
    let incarnation = row.incarnation.as_deref();
    Ok(PartitionRow {
        stream_id: StreamId(row.stream_id),
        partition_id: column::partition_id(row.partition_id)?,
        incarnation: incarnation
            .map(|text| column::uuid("incarnation", text))
            .transpose()?,
        epoch: Epoch(row.epoch),
        expires_at: row.expires_at.map(|at| at.0),
        first_sequence_number: row.first_sequence_number.map(SequenceNumber),
        sequence_number: position.map(SequenceNumber),
        last_enqueued_sequence_number: row.last_enqueued_sequence_number.map(SequenceNumber),
        lag_events,
        // Of a partition that nobody reads the lag grows unobserved.
        lag_seconds: row.lag_seconds.filter(|_| state != PartitionState::Unowned),
        last_commit_at: row.last_commit_at.map(|at| at.0),
        state,
        fault: row
            .observed_fault
            .filter(|_| state != PartitionState::Unowned),
        last_node: row.last_node,
        moves: column::count("moves", row.moves)?,
        losses: column::count("losses", row.losses)?,
        stored: column::count("stored", row.stored)?,
        held: column::count("held", row.held)?,
        dead: column::count("dead", row.dead)?,
        gaps: column::count("gaps", row.gaps)?,
        removed: column::count("removed", row.removed)?,
        replayed: column::count("replayed", row.replayed)?,
        gap_accepted_upto: row.gap_accepted_upto.map(SequenceNumber),
        dropped: column::json("dropped", &row.dropped)?,
        node: row.node,
    })
}

/// What its reader last said, unless its lease is free or expired.
fn state(row: &partitions::Model, now: Timestamp) -> Result<PartitionState> {
    if row.expires_at.is_none_or(|at| at.0 <= now) {
        return Ok(PartitionState::Unowned);
    }
    match row.observed_state.as_deref() {
        Some(text) => column::name("observed_state", text),
        None => Ok(PartitionState::Reading),
    }
}

pub(super) async fn list_nodes(db: &DatabaseConnection, now: Timestamp) -> Result<Vec<NodeRow>> {
    let leases = partitions::Entity::find().all(db).await?;
    let mut held: HashMap<String, i64> = HashMap::new();
    for lease in leases {
        if let Some(incarnation) = lease.incarnation
            && lease.expires_at.is_some_and(|at| at.0 > now)
        {
            *held.entry(incarnation).or_default() += 1;
        }
    }
    let rows = nodes::Entity::find()
        .order_by_asc(nodes::Column::Name)
        .all(db)
        .await?;
    rows.into_iter().map(|row| read_node(row, &held)).collect()
}

fn read_node(row: nodes::Model, held: &HashMap<String, i64>) -> Result<NodeRow> {
    Ok(NodeRow {
        partitions: held.get(&row.incarnation).copied().unwrap_or_default(),
        incarnation: column::uuid("incarnation", &row.incarnation)?,
        roles: column::json("roles", &row.roles)?,
        shards: column::json("shards", &row.shards)?,
        leases: column::json("leases", &row.leases)?,
        name: row.name,
        version: row.version,
        api: row.api,
        last_seen_at: row.last_seen_at.0,
    })
}
