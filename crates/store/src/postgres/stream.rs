//! Streams: the generations of a hub as a consumer group reads it.

use rollcall_model::StreamId;
use sqlx::PgConnection;

use super::Database;
use super::writing::Writing;
use crate::fault::Result;
use crate::{HubIdentity, Stream};

pub(crate) async fn resolve(database: &Database, hub: &HubIdentity) -> Result<Stream> {
    let mut writing = begin(database).await?;
    let stream = match newest(writing.connection(), hub).await? {
        Some(stream) => stream,
        None => add(writing.connection(), hub).await?,
    };
    settle(writing, stream).await
}

pub(crate) async fn next_generation(
    database: &Database,
    from: StreamId,
    hub: &HubIdentity,
) -> Result<Stream> {
    let mut writing = begin(database).await?;
    let stream = match newest(writing.connection(), hub).await? {
        Some(stream) if stream.stream_id != from => stream,
        _ => add(writing.connection(), hub).await?,
    };
    settle(writing, stream).await
}

/// Nodes that meet a hub at the same moment come one after the other; readers do not wait.
async fn begin(database: &Database) -> Result<Writing> {
    let mut writing = database.write_lease().await?;
    sqlx::raw_sql("LOCK TABLE streams IN SHARE ROW EXCLUSIVE MODE")
        .execute(writing.connection())
        .await?;
    Ok(writing)
}

/// Notes that the stream is the one resolved last, unless that is known.
async fn settle(mut writing: Writing, stream: Stream) -> Result<Stream> {
    sqlx::query(
        "UPDATE streams SET resolved = (SELECT max(resolved) + 1 FROM streams)
         WHERE stream_id = $1 AND resolved < (SELECT max(resolved) FROM streams)",
    )
    .bind(stream.stream_id.0)
    .execute(writing.connection())
    .await?;
    writing.commit().await?;
    Ok(stream)
}

/// The newest generation of exactly this hub: one that was created at another time is another.
async fn newest(connection: &mut PgConnection, hub: &HubIdentity) -> Result<Option<Stream>> {
    let row: Option<(i64, i64)> = sqlx::query_as(
        "SELECT stream_id, generation FROM streams
         WHERE namespace = $1 AND event_hub = $2 AND consumer_group = $3 AND hub_created_at = $4
         ORDER BY generation DESC LIMIT 1",
    )
    .bind(&hub.namespace)
    .bind(&hub.event_hub)
    .bind(&hub.consumer_group)
    .bind(hub.created_at.to_offset())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(stream_id, generation)| stream(hub, stream_id, generation)))
}

/// Adds the next generation, as the one resolved last.
async fn add(connection: &mut PgConnection, hub: &HubIdentity) -> Result<Stream> {
    let (stream_id, generation): (i64, i64) = sqlx::query_as(
        "INSERT INTO streams
             (namespace, event_hub, consumer_group, hub_created_at, generation, resolved)
         SELECT $1, $2, $3, $4,
             (SELECT coalesce(max(generation), 0) + 1 FROM streams
              WHERE namespace = $1 AND event_hub = $2 AND consumer_group = $3),
             (SELECT coalesce(max(resolved), 0) + 1 FROM streams)
         RETURNING stream_id, generation",
    )
    .bind(&hub.namespace)
    .bind(&hub.event_hub)
    .bind(&hub.consumer_group)
    .bind(hub.created_at.to_offset())
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
