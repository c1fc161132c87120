//! Nodes, and the shards of their owner actors.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_pipeline::ShardStatus;
use rollcall_store::NodeRow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, whole};
use crate::State;
use crate::params::Params;

/// A node that has been silent for longer has no shards to speak of.
const ALIVE_WITHIN: Duration = Duration::from_secs(60);

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    let mut nodes = state.store.list_nodes().await?;
    // Of this node it is known better than it last told.
    if let Some(own) = nodes.iter_mut().find(|node| node.name == state.node) {
        own.leases = json!(state.desk.status().leases);
    }
    whole(nodes)
}

/// An owner actor. Of another node it is what that one told, which may be of another version.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Shard")]
pub(crate) struct ShardView {
    node: String,
    #[serde(flatten)]
    #[schemars(with = "ShardStatus")]
    shard: Value,
}

/// This node's shards as they are now, the other nodes' as they last told.
pub(crate) async fn shards(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    let alive_since = state.clock.now().minus(ALIVE_WITHIN);
    let status = state.desk.status();
    let own = status.shards.iter().map(|shard| ShardView {
        node: state.node.clone(),
        shard: json!(shard),
    });
    let mut shards: Vec<_> = own.collect();
    for other in state.store.list_nodes().await? {
        if other.name != state.node && other.last_seen_at >= alive_since {
            shards.extend(told(other));
        }
    }
    whole(shards)
}

fn told(node: NodeRow) -> Vec<ShardView> {
    let Value::Array(shards) = node.shards else {
        return Vec::new();
    };
    let objects = shards.into_iter().filter(Value::is_object);
    objects
        .map(|shard| ShardView {
            node: node.name.clone(),
            shard,
        })
        .collect()
}
