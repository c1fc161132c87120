//! Replays of a partition's range, which this node begins and tells of.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use rollcall_model::{PartitionId, SequenceNumber, StreamId, Timestamp};
use rollcall_pipeline::{ReplayPoint, ReplayRefusal, ReplayRequest};
use rollcall_store::{PartitionRow, ReplayMode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Answer, ok};
use crate::auth::Caller;
use crate::body::Json;
use crate::path::PartitionPath;
use crate::problem::FieldFault;
use crate::whole::Whole;
use crate::{Problem, State};

/// A beginning, by number or by time; an end, if it is not the checkpoint.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "ReplayRange",
    extend("oneOf" = [
        {"required": ["from_sequence_number"], "properties": {"from_sequence_number": {"type": "integer"}, "from_time": {"type": "null"}}},
        {"required": ["from_time"], "properties": {"from_time": {"type": "string"}, "from_sequence_number": {"type": "null"}}},
    ]),
    extend("not" = {
        "required": ["to_sequence_number", "to_time"],
        "properties": {"to_sequence_number": {"type": "integer"}, "to_time": {"type": "string"}},
    })
)]
pub(crate) struct Range {
    from_sequence_number: Option<Whole<i64>>,
    from_time: Option<Timestamp>,
    to_sequence_number: Option<Whole<i64>>,
    to_time: Option<Timestamp>,
    #[serde(default)]
    dry_run: bool,
    consumer_group: Option<String>,
}

pub(crate) async fn start(
    caller: Caller,
    state: Data<State>,
    path: PartitionPath,
    body: Json<Range>,
) -> Answer {
    let PartitionPath(partition_id) = path;
    let request = request(partition_id, body.0)?;
    let stores = request.mode == ReplayMode::Store;
    match state.desk.start_replay(request).await? {
        Ok(progress) => {
            if stores {
                caller.made(&progress);
            }
            let location = format!("/api/v1/partitions/{partition_id}/replay");
            Ok(HttpResponse::Accepted()
                .insert_header(("location", location))
                .json(progress))
        }
        Err(refusal) => Err(problem(partition_id, refusal)),
    }
}

pub(crate) async fn read(state: Data<State>, path: PartitionPath) -> Answer {
    let PartitionPath(partition_id) = path;
    match state.desk.replay(partition_id) {
        Some(progress) => ok(&progress),
        None => Err(Problem::not_found(format!(
            "this node has replayed nothing of partition {partition_id} since it started"
        ))),
    }
}

fn request(partition_id: PartitionId, range: Range) -> Result<ReplayRequest, Problem> {
    let from = point("from", range.from_sequence_number, range.from_time)?;
    let to = point("to", range.to_sequence_number, range.to_time)?;
    let from = from.ok_or_else(|| {
        let detail = "it is missing; from_time would do as well";
        fault("from_sequence_number", detail)
    })?;
    let mode = match range.dry_run {
        true => ReplayMode::DryRun,
        false => ReplayMode::Store,
    };
    Ok(ReplayRequest {
        partition_id,
        from,
        to,
        mode,
        consumer_group: range.consumer_group.filter(|group| !group.is_empty()),
    })
}

fn point(
    name: &str,
    number: Option<Whole<i64>>,
    time: Option<Timestamp>,
) -> Result<Option<ReplayPoint>, Problem> {
    match (number, time) {
        (Some(_), Some(_)) => Err(fault(
            &format!("{name}_time"),
            "a point is given by number or by time, not by both",
        )),
        (Some(Whole(number)), None) => Ok(Some(ReplayPoint::Sequence(SequenceNumber(number)))),
        (None, time) => Ok(time.map(ReplayPoint::Time)),
    }
}

fn fault(field: &str, detail: &str) -> Problem {
    Problem::unprocessable(vec![FieldFault {
        field: field.to_owned(),
        detail: detail.to_owned(),
    }])
}

fn problem(partition_id: PartitionId, refusal: ReplayRefusal) -> Problem {
    match refusal {
        ReplayRefusal::NoPartition => no_partition(partition_id),
        ReplayRefusal::Running => Problem::new(
            StatusCode::CONFLICT,
            format!(
                "a replay of partition {partition_id} is under way; \
                 GET /api/v1/partitions/{partition_id}/replay tells how it stands"
            ),
        ),
        ReplayRefusal::Unreachable(why) => Problem::unavailable(why),
        ReplayRefusal::Impossible(why) => Problem::new(StatusCode::CONFLICT, why),
    }
}

fn no_partition(partition_id: PartitionId) -> Problem {
    Problem::not_found(format!(
        "partition {partition_id} is not one that is read; GET /api/v1/partitions lists them"
    ))
}

/// The partition of the stream that was resolved last, with its row.
///
/// # Errors
/// 404, if nobody ever read it.
pub(super) async fn current_stream(
    state: &State,
    partition_id: PartitionId,
) -> Result<(StreamId, PartitionRow), Problem> {
    for stream in state.store.current_streams().await? {
        let rows = state.store.list_partitions(stream.stream_id).await?;
        let row = rows
            .into_iter()
            .find(|row| row.partition_id == partition_id);
        if let Some(row) = row {
            return Ok((stream.stream_id, row));
        }
    }
    Err(no_partition(partition_id))
}
