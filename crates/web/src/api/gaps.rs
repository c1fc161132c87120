//! Gaps: numbers that the hub did not have; and the acceptance of one before which a partition has
//! stopped.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_model::SequenceNumber;
use serde::{Deserialize, Serialize};

use super::replay::current_stream;
use super::{Answer, ok};
use crate::body::Json;
use crate::params::{MAX_LIMIT, Params};
use crate::path::{PartitionPath, parse_partition};
use crate::problem::FieldFault;
use crate::{Problem, State};

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["partition_id", "limit", "cursor"])?;
    let only = params.parsed("partition_id", parse_partition)?;
    let limit = params.limit(MAX_LIMIT)?;
    let page = state.store.list_gaps(only, limit, params.cursor());
    ok(&page.await?)
}

/// The number is demanded, so that only what was seen is accepted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    upto_sequence_number: SequenceNumber,
}

#[derive(Serialize)]
struct Accepted {
    gap_accepted_upto: SequenceNumber,
}

pub(crate) async fn accept(
    state: Data<State>,
    path: PartitionPath,
    body: Json<Acceptance>,
) -> Answer {
    let (PartitionPath(partition_id), upto) = (path, body.0.upto_sequence_number);
    let (stream_id, row) = current_stream(&state, partition_id).await?;
    if row.sequence_number.is_some_and(|position| upto <= position) {
        let detail = format!("everything up to {upto} is accounted for already");
        let field = "upto_sequence_number".to_owned();
        return Err(Problem::unprocessable(vec![FieldFault { field, detail }]));
    }
    state
        .store
        .accept_gap(stream_id, partition_id, upto)
        .await?;
    tracing::warn!(%partition_id, %upto, "a gap of partition {partition_id} is accepted up to {upto}");
    ok(&Accepted {
        gap_accepted_upto: upto,
    })
}
