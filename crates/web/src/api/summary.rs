//! The whole in one look. What is not known of every partition is not known of the whole: null.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_store::Summary;
use serde::Serialize;

use super::partitions::{PartitionView, views};
use super::{Answer, ok};
use crate::params::Params;
use crate::{Problem, State};

#[derive(Serialize)]
pub(super) struct SummaryView {
    #[serde(flatten)]
    counts: Summary,
    /// Stored by this node, over the last seconds.
    statuses_per_second: Option<f64>,
    /// Events that the hub has and nobody has accounted for.
    lag_events: Option<i64>,
    /// Of the partition that is furthest behind.
    lag_seconds: Option<f64>,
}

pub(crate) async fn read(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    ok(&view(&state).await?)
}

pub(super) async fn view(state: &State) -> Result<SummaryView, Problem> {
    let partitions = views(state).await?;
    Ok(SummaryView {
        counts: state.store.summary().await?,
        statuses_per_second: state.desk.status().statuses_per_second,
        lag_events: lag_events(&partitions),
        lag_seconds: lag_seconds(&partitions),
    })
}

fn lag_events(partitions: &[PartitionView]) -> Option<i64> {
    let lags: Option<Vec<_>> = partitions.iter().map(|it| it.row.lag_events).collect();
    lags.filter(|lags| !lags.is_empty())
        .map(|lags| lags.iter().sum())
}

fn lag_seconds(partitions: &[PartitionView]) -> Option<f64> {
    let lags: Option<Vec<_>> = partitions.iter().map(seconds_behind).collect();
    lags?.into_iter().reduce(f64::max)
}

/// A partition without a lag in events has none in seconds.
fn seconds_behind(partition: &PartitionView) -> Option<f64> {
    if partition.row.lag_events == Some(0) {
        Some(0.0)
    } else {
        partition.row.lag_seconds
    }
}
