//! `rollcall status`: nodes, partitions and lag, shards, outbox, dead letters, read from the store
//! beside a running node.

use clap::Args;
use rollcall_store::{NodeRow, PartitionRow, SinkStanding, Store, Stream, StreamRow, Summary};
use serde::Serialize;
use serde_json::Value;

use super::{Context, reading};
use crate::failure::Failure;
use crate::output::{self, Format, or_dash};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
}

/// What the store knows of the nodes and their work.
#[derive(Debug, Serialize)]
struct Standing {
    nodes: Vec<NodeRow>,
    streams: Vec<StreamStanding>,
    /// Every generation that was ever read.
    generations: Vec<StreamRow>,
    sinks: Vec<SinkStanding>,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Debug, Serialize)]
struct StreamStanding {
    #[serde(flatten)]
    stream: Stream,
    partitions: Vec<PartitionRow>,
}

pub(crate) async fn status(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let (_, store) = reading::open(&context).await?;
    let standing = read(&store)
        .await
        .map_err(|error| reading::of_store(&error))?;
    match arguments.output {
        Format::Json => output::json(&standing),
        Format::Table => output::text(&text(&standing)),
    }
}

async fn read(store: &Store) -> Result<Standing, rollcall_store::Error> {
    let mut streams = Vec::new();
    for stream in store.current_streams().await? {
        let partitions = store.list_partitions(stream.stream_id).await?;
        streams.push(StreamStanding { stream, partitions });
    }
    Ok(Standing {
        nodes: store.list_nodes().await?,
        streams,
        generations: store.list_streams().await?,
        sinks: store.outbox_standing().await?,
        summary: store.summary().await?,
    })
}

fn text(standing: &Standing) -> String {
    let mut parts = vec![
        summary_table(&standing.summary),
        node_table(&standing.nodes),
    ];
    for StreamStanding { stream, partitions } in &standing.streams {
        let Stream {
            namespace,
            event_hub,
            consumer_group,
            generation,
            ..
        } = stream;
        parts.push(format!(
            "{namespace}/{event_hub}, consumer group {consumer_group}, generation {generation}\n{}",
            partition_table(partitions)
        ));
    }
    parts.push(generation_table(&standing.generations));
    parts.push(shard_table(&standing.nodes));
    parts.push(sink_table(&standing.sinks));
    parts.join("\n")
}

fn summary_table(summary: &Summary) -> String {
    let owners = summary.owners.iter();
    let mut rows: Vec<_> = owners
        .map(|(state, count)| vec![format!("{state} owners"), count.to_string()])
        .collect();
    for (name, count) in [
        ("sub-owners", summary.sub_owners),
        ("dead letters", summary.dead_letters),
        ("outbox pending", summary.outbox_pending),
    ] {
        rows.push(vec![name.to_owned(), count.to_string()]);
    }
    output::table(&["ROLL", "COUNT"], rows)
}

fn node_table(nodes: &[NodeRow]) -> String {
    let row = |node: &NodeRow| {
        vec![
            node.name.clone(),
            node.roles.join(","),
            node.version.clone(),
            node.partitions.to_string(),
            node.last_seen_at.to_string(),
            lease_figure(node, "claimed"),
            lease_figure(node, "released"),
            lease_figure(node, "lost"),
            lease_figure(node, "lapsed"),
            or_dash(node.api.as_ref()),
        ]
    };
    let head = [
        "NODE",
        "ROLES",
        "VERSION",
        "PARTITIONS",
        "LAST SEEN AT",
        "CLAIMED",
        "RELEASED",
        "LOST",
        "LAPSED",
        "API",
    ];
    output::table(&head, nodes.iter().map(row))
}

/// A count of the node's leases, since it started.
fn lease_figure(node: &NodeRow, name: &str) -> String {
    or_dash(node.leases.get(name))
}

fn partition_table(partitions: &[PartitionRow]) -> String {
    let row = |partition: &PartitionRow| {
        let state = serde_json::to_value(partition.state).unwrap_or_default();
        vec![
            partition.partition_id.to_string(),
            state.as_str().unwrap_or_default().to_owned(),
            or_dash(partition.node.as_ref()),
            partition.epoch.to_string(),
            or_dash(partition.sequence_number),
            or_dash(partition.lag_events),
            or_dash(partition.lag_seconds.map(|seconds| format!("{seconds:.1}"))),
            partition.stored.to_string(),
            partition.held.to_string(),
            partition.dead.to_string(),
            partition.dropped.total().to_string(),
            partition.gaps.to_string(),
            partition.moves.to_string(),
            partition.losses.to_string(),
            or_dash(partition.last_commit_at),
            or_dash(partition.fault.as_ref()),
        ]
    };
    let head = [
        "PARTITION",
        "STATE",
        "NODE",
        "EPOCH",
        "SEQUENCE NUMBER",
        "LAG EVENTS",
        "LAG S",
        "STORED",
        "HELD",
        "DEAD",
        "DROPPED",
        "GAPS",
        "MOVES",
        "LOSSES",
        "LAST COMMIT AT",
        "FAULT",
    ];
    output::table(&head, partitions.iter().map(row))
}

fn generation_table(generations: &[StreamRow]) -> String {
    let row = |row: &StreamRow| {
        vec![
            row.stream.stream_id.to_string(),
            format!("{}/{}", row.stream.namespace, row.stream.event_hub),
            row.stream.consumer_group.clone(),
            row.stream.generation.to_string(),
            row.stream.hub_created_at.to_string(),
            if row.current { "yes" } else { "no" }.to_owned(),
        ]
    };
    let head = [
        "STREAM",
        "EVENT HUB",
        "CONSUMER GROUP",
        "GENERATION",
        "CREATED AT",
        "CURRENT",
    ];
    output::table(&head, generations.iter().map(row))
}

/// The shards as their nodes last reported them.
fn shard_table(nodes: &[NodeRow]) -> String {
    let rows = nodes.iter().flat_map(|node| {
        let shards = node
            .shards
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        shards.iter().map(|shard| {
            let figure =
                |name: &str| or_dash(shard.get(name).filter(|value| **value != Value::Null));
            vec![
                node.name.clone(),
                figure("shard"),
                figure("depth"),
                figure("owners"),
                figure("restarts"),
            ]
        })
    });
    output::table(&["NODE", "SHARD", "DEPTH", "OWNERS", "RESTARTS"], rows)
}

/// The outbox, sink by sink.
fn sink_table(sinks: &[SinkStanding]) -> String {
    let row = |sink: &SinkStanding| {
        vec![
            sink.sink.clone(),
            if sink.registered { "yes" } else { "no" }.to_owned(),
            sink.pending.to_string(),
            or_dash(sink.oldest_pending_at),
            sink.parked.to_string(),
        ]
    };
    let head = ["SINK", "REGISTERED", "PENDING", "OLDEST PENDING", "PARKED"];
    output::table(&head, sinks.iter().map(row))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rollcall_model::{
        Drops, Epoch, OwnerState, PartitionId, SequenceNumber, StreamId, Timestamp,
    };
    use rollcall_store::PartitionState;
    use serde_json::json;

    use super::*;

    fn stream() -> Stream {
        Stream {
            stream_id: StreamId(1),
            namespace: "localhost".to_owned(),
            event_hub: "statuses".to_owned(),
            consumer_group: "$Default".to_owned(),
            generation: 1,
            hub_created_at: Timestamp::EPOCH,
        }
    }

    fn unclaimed() -> PartitionRow {
        PartitionRow {
            stream_id: StreamId(1),
            partition_id: PartitionId(1),
            node: None,
            incarnation: None,
            epoch: Epoch(0),
            expires_at: None,
            first_sequence_number: None,
            sequence_number: None,
            last_enqueued_sequence_number: None,
            lag_events: None,
            lag_seconds: None,
            last_commit_at: None,
            state: PartitionState::Unowned,
            fault: None,
            last_node: None,
            moves: 0,
            losses: 0,
            stored: 0,
            held: 0,
            dead: 0,
            gaps: 0,
            removed: 0,
            replayed: 0,
            gap_accepted_upto: None,
            dropped: Drops::default(),
        }
    }

    fn displaced() -> PartitionRow {
        PartitionRow {
            partition_id: PartitionId(0),
            node: Some("a".to_owned()),
            epoch: Epoch(1_700_000_000),
            sequence_number: Some(SequenceNumber(41)),
            lag_events: Some(8),
            lag_seconds: Some(2.25),
            last_commit_at: Some(Timestamp::EPOCH),
            state: PartitionState::Displaced,
            fault: Some("cannot read partition 0: another receiver displaced this one".to_owned()),
            last_node: Some("a".to_owned()),
            moves: 3,
            losses: 1,
            stored: 42,
            ..unclaimed()
        }
    }

    #[test]
    fn the_standing_is_readable_and_unknown_is_a_dash() {
        let standing = Standing {
            nodes: vec![NodeRow {
                name: "a".to_owned(),
                incarnation: uuid::Uuid::nil(),
                roles: vec!["ingest".to_owned(), "api".to_owned()],
                version: "0.1.0".to_owned(),
                api: None,
                partitions: 2,
                last_seen_at: Timestamp::EPOCH,
                shards: json!([{ "shard": 0, "depth": 1, "owners": null, "restarts": 0 }]),
                leases: json!({"claimed": 5, "released": 2, "lost": 1, "lapsed": 0}),
            }],
            streams: vec![StreamStanding {
                stream: stream(),
                partitions: vec![displaced(), unclaimed()],
            }],
            generations: Vec::new(),
            sinks: vec![SinkStanding {
                sink: "crm".to_owned(),
                registered: true,
                pending: 2,
                oldest_pending_at: None,
                parked: 1,
            }],
            summary: Summary {
                owners: BTreeMap::from([(OwnerState::Active, 3), (OwnerState::Pending, 0)]),
                sub_owners: 15,
                dead_letters: 1,
                outbox_pending: 0,
            },
        };
        insta::assert_snapshot!(text(&standing));
    }
}
