//! Who reads what: the database's rows, with what the readers of this node know better.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_pipeline::ReaderStatus;
use rollcall_store::PartitionRow;
use serde::Serialize;

use super::{Answer, whole};
use crate::params::Params;
use crate::{Problem, State};

/// A partition as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct PartitionView {
    #[serde(flatten)]
    pub(super) row: PartitionRow,
    /// Batches between pull and commit; null, unless this node reads the partition.
    in_flight_batches: Option<usize>,
    /// Readers replaced since this node started; null, unless this node reads the partition.
    restarts: Option<u64>,
    /// Why it is not read, if this node knows.
    fault: Option<String>,
}

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    whole(views(&state).await?)
}

/// Every partition of every current stream.
pub(super) async fn views(state: &State) -> Result<Vec<PartitionView>, Problem> {
    let readers = state.desk.status().readers;
    let mut views = Vec::new();
    for stream in state.store.current_streams().await? {
        let rows = state.store.list_partitions(stream.stream_id).await?;
        views.extend(rows.into_iter().map(|row| view(row, &state.node, &readers)));
    }
    Ok(views)
}

/// The lease says whose reader the row is about; checkpoint and totals are always the row's, so
/// that they add up.
fn view(mut row: PartitionRow, node: &str, readers: &[ReaderStatus]) -> PartitionView {
    let reader = readers
        .iter()
        .find(|reader| reader.partition_id == row.partition_id && reader.epoch == Some(row.epoch))
        .filter(|_| row.node.as_deref() == Some(node));
    if let Some(reader) = reader {
        row.state = reader.state;
        row.last_commit_at = reader.last_commit_at.max(row.last_commit_at);
        row.last_enqueued_sequence_number = reader
            .last_enqueued_sequence_number
            .max(row.last_enqueued_sequence_number);
        row.lag_seconds = reader.lag_seconds.or(row.lag_seconds);
    }
    if let (Some(last), Some(at)) = (row.last_enqueued_sequence_number, row.sequence_number) {
        // The hub is asked now and then, so that its last number may be the older one.
        row.lag_events = Some((last.0 - at.0).max(0));
    }
    PartitionView {
        in_flight_batches: reader.map(|reader| reader.in_flight_batches),
        restarts: reader.map(|reader| reader.restarts),
        fault: reader.and_then(|reader| reader.fault.clone()),
        row,
    }
}
