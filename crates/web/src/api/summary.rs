//! The whole in one look. What is not known of every partition is not known of the whole: null.

use std::collections::VecDeque;
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
    /// Stored by all nodes, since this one was asked a few seconds ago; null where it was not.
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
pub(crate) struct Summaries(Arc<Mutex<Last>>);

#[derive(Default)]
struct Last {
    made: Option<Made>,
    stored: Stored,
}

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
        if let Some(made) = &last.made
            && made.at.elapsed() < within.max(spared(made.took))
        {
            return Ok(Arc::clone(&made.view));
        }
        let begun = Instant::now();
        let view = Arc::new(view(state, &mut last.stored).await?);
        last.made = Some(Made {
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

/// What all partitions had stored at each of the last times that it was looked at: whoever stores it,
/// the total is in the database.
#[derive(Debug, Default)]
struct Stored(VecDeque<(Instant, u64)>);

/// Long enough to be steady, short enough to be news.
const SPAN: Duration = Duration::from_secs(5);
/// Who asks again after so long wants to know of now, not of the time since. Longer than dear summaries
/// are apart, or there would be no rate beside them.
const FORGOTTEN: Duration = Duration::from_secs(120);

impl Stored {
    /// How much it grows per second; `None` without an earlier look that is neither of this moment nor
    /// forgotten.
    fn per_second(&mut self, now: Instant, total: u64) -> Option<f64> {
        let age = |at: Instant| now.saturating_duration_since(at);
        // Another generation of the hub begins at nothing.
        self.0
            .retain(|(at, before)| age(*at) < FORGOTTEN && *before <= total);
        while self.0.get(1).is_some_and(|(at, _)| age(*at) >= SPAN) {
            self.0.pop_front();
        }
        self.0.push_back((now, total));
        let (since, before) = self.0.front()?;
        let seconds = age(*since).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let grown = (total - before) as f64;
        (seconds >= 0.5).then(|| grown / seconds)
    }
}

async fn view(state: &State, stored: &mut Stored) -> Result<SummaryView, Problem> {
    let partitions = views(state).await?;
    let total = partitions.iter().map(|it| it.row.stored).sum();
    Ok(SummaryView {
        counts: state.store.summary().await?,
        statuses_per_second: stored.per_second(Instant::now(), total),
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
    fn the_rate_is_of_the_last_seconds_and_not_known_at_first() {
        let mut stored = Stored::default();
        let begun = Instant::now();
        let mut after = |seconds, total| {
            let now = begun + Duration::from_secs_f64(seconds);
            stored.per_second(now, total)
        };
        assert_eq!(after(0.0, 1_000), None);
        // Two who ask in the same moment are told nothing that is only chance.
        assert_eq!(after(0.1, 1_001), None);
        assert_eq!(after(2.0, 1_200), Some(100.0));
        assert_eq!(after(10.0, 1_200), Some(0.0));
        assert_eq!(after(12.0, 1_400), Some(20.0));
        // Nobody asked for a while; then another hub took the place of the first.
        assert_eq!(after(200.0, 9_000), None);
        assert_eq!(after(202.0, 10), None);
        assert_eq!(after(203.0, 20), Some(10.0));
    }

    #[test]
    fn a_cheap_summary_is_always_new_and_a_dear_one_takes_a_twentieth_of_the_time() {
        assert_eq!(spared(Duration::from_millis(20)), Duration::ZERO);
        assert_eq!(spared(Duration::from_millis(450)), Duration::from_secs(9));
    }
}
