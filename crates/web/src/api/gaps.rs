//! Gaps: numbers that the hub did not have; and the acceptance of one before which a partition has
//! stopped.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_model::SequenceNumber;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::edit::conflict;
use super::replay::current_stream;
use super::{Answer, ok};
use crate::State;
use crate::auth::Caller;
use crate::body::Json;
use crate::params::{MAX_LIMIT, Params};
use crate::path::{PartitionPath, parse_partition};
use crate::whole::Whole;

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["partition_id", "limit", "cursor"])?;
    let only = params.parsed("partition_id", parse_partition)?;
    let limit = params.limit(MAX_LIMIT)?;
    let page = state.store.list_gaps(only, limit, params.cursor());
    ok(&page.await?)
}

/// The number is demanded, so that only what was seen is accepted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    upto_sequence_number: Whole<i64>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Accepted {
    gap_accepted_upto: SequenceNumber,
}

pub(crate) async fn accept(
    caller: Caller,
    state: Data<State>,
    path: PartitionPath,
    body: Json<Acceptance>,
) -> Answer {
    let (PartitionPath(partition_id), upto) = (path, SequenceNumber(body.0.upto_sequence_number.0));
    let (stream_id, row) = current_stream(&state, partition_id).await?;
    if row.sequence_number.is_some_and(|position| upto <= position) {
        return Err(conflict(format!(
            "everything up to {upto} is accounted for already"
        )));
    }
    state
        .store
        .accept_gap(stream_id, partition_id, upto)
        .await?;
    let accepted = |upto: Option<SequenceNumber>| json!({"gap_accepted_upto": upto});
    caller.changed(&accepted(row.gap_accepted_upto), &accepted(Some(upto)));
    tracing::warn!(%partition_id, %upto, "a gap of partition {partition_id} is accepted up to {upto}");
    ok(&Accepted {
        gap_accepted_upto: upto,
    })
}
