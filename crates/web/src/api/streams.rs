//! The generations of the hubs that were ever read, each with its partitions' checkpoints and
//! totals.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_store::{PartitionRow, StreamRow};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, whole};
use crate::State;
use crate::params::Params;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StreamWithPartitions")]
pub(crate) struct StreamView {
    #[serde(flatten)]
    row: StreamRow,
    partitions: Vec<PartitionRow>,
}

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    let mut views = Vec::new();
    for row in state.store.list_streams().await? {
        let partitions = state.store.list_partitions(row.stream.stream_id).await?;
        views.push(StreamView { row, partitions });
    }
    whole(views)
}
