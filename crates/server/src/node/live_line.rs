//! The live line: how the node does, rewritten in place on a terminal, logged elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rollcall_pipeline::{Handle, PipelineStatus};
use rollcall_store::{Store, Summary};

use crate::shutdown::Shutdown;
use crate::telemetry::Talk;

/// On a terminal: often enough to look alive, seldom enough to cost nothing.
const REWRITE_INTERVAL: Duration = Duration::from_secs(1);
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What the line tells.
#[derive(Debug, Clone, PartialEq, Default)]
struct Figures {
    owners: u64,
    statuses: u64,
    rate: Option<f64>,
    lag_events: Option<i64>,
    lag_seconds: Option<f64>,
    dead_letters: u64,
}

/// Until a shutdown is asked for.
pub(super) async fn show(store: Store, pipeline: Handle, talk: Talk, mut shutdown: Shutdown) {
    let bar = talk.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    let interval = if talk.terminal {
        REWRITE_INTERVAL
    } else {
        LOG_INTERVAL
    };
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = shutdown.asked() => break,
        }
        match figures(&store, &pipeline.status()).await {
            Ok(figures) if talk.terminal => bar.set_message(line(&figures)),
            Ok(figures) => log(&figures),
            Err(error) => {
                let cause = crate::failure::chain(&error);
                tracing::warn!("the live line cannot be made: {cause}");
            }
        }
    }
    bar.finish_and_clear();
}

async fn figures(store: &Store, status: &PipelineStatus) -> Result<Figures, rollcall_store::Error> {
    let summary = store.summary().await?;
    let mut statuses = 0;
    for stream in store.current_streams().await? {
        let partitions = store.list_partitions(stream.stream_id).await?;
        statuses += partitions
            .iter()
            .map(|partition| partition.stored)
            .sum::<u64>();
    }
    Ok(of(&summary, statuses, status))
}

fn of(summary: &Summary, statuses: u64, status: &PipelineStatus) -> Figures {
    let readers = &status.readers;
    // One partition whose lag is unknown makes the sum unknown, not smaller.
    let lag_events = readers.iter().map(|reader| reader.lag_events).sum();
    let lag_seconds = readers
        .iter()
        .map(|reader| reader.lag_seconds)
        .collect::<Option<Vec<_>>>();
    Figures {
        owners: summary.owners.values().sum(),
        statuses,
        rate: status.statuses_per_second,
        lag_events: if readers.is_empty() { None } else { lag_events },
        lag_seconds: lag_seconds.and_then(|seconds| seconds.into_iter().reduce(f64::max)),
        dead_letters: summary.dead_letters,
    }
}

fn log(figures: &Figures) {
    tracing::info!(
        owners = figures.owners,
        statuses = figures.statuses,
        statuses_per_second = figures.rate,
        lag_events = figures.lag_events,
        lag_seconds = figures.lag_seconds,
        dead_letters = figures.dead_letters,
        "{}",
        line(figures)
    );
}

fn line(figures: &Figures) -> String {
    let rate = figures
        .rate
        .map_or_else(|| "rate unknown".to_owned(), |rate| format!("{rate:.0}/s"));
    let lag = match (figures.lag_events, figures.lag_seconds) {
        (Some(events), Some(seconds)) => format!("lag {events} events, {seconds:.1} s"),
        (Some(events), None) => format!("lag {events} events"),
        _ => "lag unknown".to_owned(),
    };
    format!(
        "{} owners · {} statuses · {rate} · {lag} · {} dead letters",
        figures.owners, figures.statuses, figures.dead_letters
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_not_shown_as_nothing() {
        insta::assert_snapshot!(line(&Figures::default()), @"0 owners · 0 statuses · rate unknown · lag unknown · 0 dead letters");
        let figures = Figures {
            owners: 200,
            statuses: 12_345,
            rate: Some(99.6),
            lag_events: Some(17),
            lag_seconds: Some(0.25),
            dead_letters: 3,
        };
        insta::assert_snapshot!(line(&figures), @"200 owners · 12345 statuses · 100/s · lag 17 events, 0.2 s · 3 dead letters");
    }

    #[test]
    fn a_node_that_reads_nothing_does_not_claim_to_have_no_lag() {
        let summary = Summary {
            owners: std::collections::BTreeMap::new(),
            sub_owners: 0,
            dead_letters: 0,
            outbox_pending: 0,
        };
        let figures = of(&summary, 0, &PipelineStatus::default());
        assert_eq!((figures.lag_events, figures.lag_seconds), (None, None));
    }
}
