//! The whole in one look. What is not known of every partition is not known of the whole: null.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_store::Summary;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::Mutex;

use super::partitions::{PartitionView, views};
use super::stream::Streams;
use super::{Answer, ok};
use crate::params::Params;
use crate::{Problem, State};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Summary")]
pub(crate) struct SummaryView {
    #[serde(flatten)]
    counts: Summary,
    /// Stored by this node, over the last seconds.
    statuses_per_second: Option<f64>,
    /// Events that the hub has and nobody has accounted for.
    lag_events: Option<i64>,
    /// Of the partition that is furthest behind.
    lag_seconds: Option<f64>,
}

pub(crate) async fn read(
    state: Data<State>,
    streams: Data<Streams>,
    request: HttpRequest,
) -> Answer {
    Params::of(&request, &[])?;
    ok(&*streams.summaries.get(&state, Duration::ZERO).await?)
}

/// What took longer than this is dear: counting a million open dead letters is, or any on a slow server.
const DEAR: Duration = Duration::from_millis(50);
/// What share of the time may be spent on dear ones: one in twenty.
const SHARE: u32 = 20;

/// The last summary of a node, which serves everybody while a new one would be too dear.
#[derive(Clone, Default)]
pub(crate) struct Summaries(Arc<Mutex<Option<Made>>>);

struct Made {
    at: Instant,
    took: Duration,
    view: Arc<SummaryView>,
}

impl Summaries {
    /// One that is no older than `within`, or than its price demands.
    ///
    /// # Errors
    /// 503 while the database is away.
    pub(super) async fn get(
        &self,
        state: &State,
        within: Duration,
    ) -> Result<Arc<SummaryView>, Problem> {
        let mut last = self.0.lock().await;
        if let Some(made) = &*last
            && made.at.elapsed() < within.max(spared(made.took))
        {
            return Ok(Arc::clone(&made.view));
        }
        let begun = Instant::now();
        let view = Arc::new(view(state).await?);
        *last = Some(Made {
            at: Instant::now(),
            took: begun.elapsed(),
            view: Arc::clone(&view),
        });
        Ok(view)
    }
}

/// For how long one serves that took so long.
fn spared(took: Duration) -> Duration {
    if took > DEAR {
        took * SHARE
    } else {
        Duration::ZERO
    }
}

async fn view(state: &State) -> Result<SummaryView, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cheap_summary_is_always_new_and_a_dear_one_takes_a_twentieth_of_the_time() {
        assert_eq!(spared(Duration::from_millis(20)), Duration::ZERO);
        assert_eq!(spared(Duration::from_millis(450)), Duration::from_secs(9));
    }
}
