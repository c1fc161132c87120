//! Nodes, and the shards of their owner actors.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_store::NodeRow;
use serde_json::{Map, Value, json};

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

/// This node's shards as they are now, the other nodes' as they last told.
pub(crate) async fn shards(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    let alive_since = state.clock.now().minus(ALIVE_WITHIN);
    let mut shards: Vec<_> = state
        .desk
        .status()
        .shards
        .iter()
        .map(|shard| json!(shard))
        .collect();
    shards
        .iter_mut()
        .for_each(|shard| name_node(shard, &state.node));
    for other in state.store.list_nodes().await? {
        if other.name != state.node && other.last_seen_at >= alive_since {
            shards.extend(told(other));
        }
    }
    whole(shards)
}

fn told(node: NodeRow) -> Vec<Value> {
    let Value::Array(mut shards) = node.shards else {
        return Vec::new();
    };
    shards
        .iter_mut()
        .for_each(|shard| name_node(shard, &node.name));
    shards
}

fn name_node(shard: &mut Value, node: &str) {
    if !shard.is_object() {
        *shard = Value::Object(Map::new());
    }
    shard["node"] = node.into();
}
