//! Who reads what: the database's rows, with what the readers of this node know better.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_pipeline::{LeaseLoss, PipelineStatus, ReaderStatus};
use rollcall_store::PartitionRow;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, whole};
use crate::params::Params;
use crate::{Problem, State};

/// A partition as the API shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Partition")]
pub(crate) struct PartitionView {
    #[serde(flatten)]
    pub(super) row: PartitionRow,
    /// Batches between pull and commit; null, unless this node reads the partition.
    in_flight_batches: Option<usize>,
    /// Readers replaced since this node started; null, unless this node reads the partition.
    restarts: Option<u64>,
}

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    whole(views(&state).await?)
}

/// Every partition of every current stream.
pub(super) async fn views(state: &State) -> Result<Vec<PartitionView>, Problem> {
    let status = state.desk.status();
    let mut views = Vec::new();
    for stream in state.store.current_streams().await? {
        let rows = state.store.list_partitions(stream.stream_id).await?;
        views.extend(rows.into_iter().map(|row| view(row, &state.node, &status)));
    }
    Ok(views)
}

/// A reader of this node tells itself why it does not read. Of another node's partition its reader
/// has told the database; otherwise there may be a reason why this node had to stop.
///
/// The lease says whose reader the row is about; checkpoint and totals are always the row's, so
/// that they add up.
fn view(mut row: PartitionRow, node: &str, status: &PipelineStatus) -> PartitionView {
    let reader = reader_of(&row, node, &status.readers);
    if let Some(reader) = reader {
        row.state = reader.state;
        row.last_commit_at = reader.last_commit_at.max(row.last_commit_at);
        row.last_enqueued_sequence_number = reader
            .last_enqueued_sequence_number
            .max(row.last_enqueued_sequence_number);
        row.lag_seconds = reader.lag_seconds.or(row.lag_seconds);
        row.fault.clone_from(&reader.fault);
    } else if row.fault.is_none() {
        let loss = loss_of(&row, &status.leases.losses);
        row.fault = loss.map(|loss| loss.fault.clone());
    }
    if let (Some(last), Some(at)) = (row.last_enqueued_sequence_number, row.sequence_number) {
        // The hub is asked now and then, so that its last number may be the older one.
        row.lag_events = Some((last.0 - at.0).max(0));
    }
    PartitionView {
        in_flight_batches: reader.map(|reader| reader.in_flight_batches),
        restarts: reader.map(|reader| reader.restarts),
        row,
    }
}

/// This node's reader, if it is the one that the row is about.
fn reader_of<'a>(
    row: &PartitionRow,
    node: &str,
    readers: &'a [ReaderStatus],
) -> Option<&'a ReaderStatus> {
    readers
        .iter()
        .find(|reader| reader.partition_id == row.partition_id && reader.epoch == Some(row.epoch))
        .filter(|_| row.node.as_deref() == Some(node))
}

/// Why this node has stopped reading the partition, if that was against its will.
fn loss_of<'a>(row: &PartitionRow, losses: &'a [LeaseLoss]) -> Option<&'a LeaseLoss> {
    losses
        .iter()
        .find(|loss| loss.partition_id == row.partition_id)
}
