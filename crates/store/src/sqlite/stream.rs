//! Streams: the generations of a hub as a consumer group reads it.

use rollcall_model::StreamId;
use sqlx::SqliteConnection;

use super::Database;
use crate::fault::Result;
use crate::{HubIdentity, Stream, column};

pub(crate) async fn resolve(database: &Database, hub: &HubIdentity) -> Result<Stream> {
    let mut writing = database.write().await?;
    let newest = newest(writing.connection(), hub).await?;
    match newest {
        Some(stream) if stream.hub_created_at == hub.created_at => {
            writing.roll_back().await?;
            Ok(stream)
        }
        newest => {
            let generation = newest.map_or(1, |stream| stream.generation + 1);
            let stream = add(writing.connection(), hub, generation).await?;
            writing.commit().await?;
            Ok(stream)
        }
    }
}

pub(crate) async fn next_generation(
    database: &Database,
    from: StreamId,
    hub: &HubIdentity,
) -> Result<Stream> {
    let mut writing = database.write().await?;
    let newest = newest(writing.connection(), hub).await?;
    match newest {
        Some(stream) if stream.stream_id != from => {
            writing.roll_back().await?;
            Ok(stream)
        }
        newest => {
            let generation = newest.map_or(1, |stream| stream.generation + 1);
            let stream = add(writing.connection(), hub, generation).await?;
            writing.commit().await?;
            Ok(stream)
        }
    }
}

async fn newest(connection: &mut SqliteConnection, hub: &HubIdentity) -> Result<Option<Stream>> {
    let row: Option<(i64, i64, String)> = sqlx::query_as(
        "SELECT stream_id, generation, hub_created_at FROM streams
         WHERE namespace = ? AND event_hub = ? AND consumer_group = ?
         ORDER BY generation DESC LIMIT 1",
    )
    .bind(&hub.namespace)
    .bind(&hub.event_hub)
    .bind(&hub.consumer_group)
    .fetch_optional(connection)
    .await?;
    row.map(|(stream_id, generation, created_at)| {
        Ok(Stream {
            hub_created_at: column::timestamp("hub_created_at", &created_at)?,
            ..stream(hub, stream_id, generation)
        })
    })
    .transpose()
}

async fn add(
    connection: &mut SqliteConnection,
    hub: &HubIdentity,
    generation: i64,
) -> Result<Stream> {
    let stream_id: i64 = sqlx::query_scalar(
        "INSERT INTO streams (namespace, event_hub, consumer_group, generation, hub_created_at)
         VALUES (?, ?, ?, ?, ?) RETURNING stream_id",
    )
    .bind(&hub.namespace)
    .bind(&hub.event_hub)
    .bind(&hub.consumer_group)
    .bind(generation)
    .bind(hub.created_at.to_string())
    .fetch_one(connection)
    .await?;
    Ok(stream(hub, stream_id, generation))
}

fn stream(hub: &HubIdentity, stream_id: i64, generation: i64) -> Stream {
    Stream {
        stream_id: StreamId(stream_id),
        namespace: hub.namespace.clone(),
        event_hub: hub.event_hub.clone(),
        consumer_group: hub.consumer_group.clone(),
        generation,
        hub_created_at: hub.created_at,
    }
}
