//! `rollcall send`: NDJSON into the hub, one event a line, partitions in turn.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::Context as CommandContext;
use crate::failure::Failure;
use crate::sending::{
    Destination, Dispatcher, Doubt, Group, Lines, Outcome, Outgoing, Patience, Report, connect,
};
use crate::shutdown::Shutdown;
use crate::telemetry::Talk;

/// How long the hub may take nothing before the command gives up: long enough for a hub's restart.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// Groups that were read and wait for a lane.
const READ_AHEAD: usize = 4;
const BAR_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// NDJSON, plain or gzip; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    destination: Destination,
}

/// What was sent, by partition.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    acknowledged: Vec<u64>,
    doubtful: u64,
    refused: u64,
    /// The hub took nothing any more.
    unavailable: u64,
    unknown: u64,
    /// The first reason, which is usually that of the others too.
    reason: Option<String>,
}

pub(crate) async fn send(context: CommandContext, arguments: Arguments) -> Result<(), Failure> {
    let CommandContext {
        global,
        environment,
        talk,
    } = context;
    let settings = arguments.destination.settings(global, environment)?;
    let file = arguments.file;
    let lines = Lines::open(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let shutdown = Shutdown::listen()?;
    let patience = Patience {
        doubt: Doubt::SendAgain,
        give_up_after: Some(GIVE_UP_AFTER),
    };
    let (dispatcher, reports) = connect(settings.source, patience).await?;
    let partition_ids = dispatcher.partitions().to_vec();
    let bar = bar(&talk, &lines);
    let read = lines.progress();
    let tally = tokio::spawn(tally(reports, partition_ids.len(), bar, read));
    let signals = shutdown.clone();
    let feeding = async {
        feed(dispatcher, lines, shutdown)
            .await
            .map_err(Failure::from)
    };
    let fed = signals.or_insisted(feeding).await;
    let tally = tally.await.map_err(anyhow::Error::from)?;
    talk.say(&summary(&tally, &partition_ids));
    match fed? {
        Fed::All => {}
        Fed::Interrupted => talk.say("interrupted: what follows in the input was not sent"),
        Fed::GaveUp => talk.say("given up: what follows in the input was not sent"),
    }
    verdict(&tally)
}

#[derive(Debug, PartialEq, Eq)]
enum Fed {
    All,
    Interrupted,
    /// The hub took nothing for too long.
    GaveUp,
}

/// Reads on a thread of its own and hands the groups out, partitions in turn. An interruption ends
/// the reading; what was read is still sent.
async fn feed(
    dispatcher: Dispatcher,
    mut lines: Lines,
    mut shutdown: Shutdown,
) -> anyhow::Result<Fed> {
    let (groups, mut queue) = mpsc::channel::<Vec<Outgoing>>(READ_AHEAD);
    let reader = spawn_blocking(move || -> std::io::Result<()> {
        loop {
            let group = lines.next_group()?;
            if group.is_empty() || groups.blocking_send(group).is_err() {
                return Ok(());
            }
        }
    });
    let partitions = dispatcher.partitions().len().max(1);
    let mut next = 0;
    let fed = loop {
        let events = tokio::select! {
            events = queue.recv() => events,
            () = shutdown.asked() => break Fed::Interrupted,
            () = dispatcher.gave_up() => break Fed::GaveUp,
        };
        let Some(events) = events else { break Fed::All };
        let group = Group {
            partition: next % partitions,
            events,
        };
        if dispatcher.submit(group).await.is_none() {
            break Fed::All;
        }
        next += 1;
    };
    dispatcher.finish().await;
    if fed == Fed::All {
        // Otherwise not: the thread may wait for standard input for ever.
        reader.await?.context("cannot read the input")?;
    }
    Ok(fed)
}

async fn tally(
    mut reports: mpsc::Receiver<Report>,
    partitions: usize,
    bar: ProgressBar,
    read: Arc<AtomicU64>,
) -> Tally {
    let mut tally = Tally {
        acknowledged: vec![0; partitions],
        ..Tally::default()
    };
    while let Some(report) = reports.recv().await {
        tally.add(&report);
        bar.set_position(read.load(Ordering::Relaxed));
        bar.set_message(format!("{} events", tally.sum()));
    }
    bar.finish_and_clear();
    tally
}

impl Tally {
    fn add(&mut self, report: &Report) {
        let count = report.events.len() as u64;
        match &report.outcome {
            Outcome::Acknowledged { doubts } => {
                if let Some(sum) = self.acknowledged.get_mut(report.partition) {
                    *sum += count;
                }
                if *doubts > 0 {
                    self.doubtful += count;
                }
            }
            Outcome::Refused(reason) => {
                self.refused += count;
                self.reason.get_or_insert_with(|| reason.clone());
            }
            Outcome::Unavailable(reason) => {
                self.unavailable += count;
                self.reason.get_or_insert_with(|| reason.clone());
            }
            Outcome::Unknown(reason) => {
                self.unknown += count;
                self.reason.get_or_insert_with(|| reason.clone());
            }
        }
    }

    fn sum(&self) -> u64 {
        self.acknowledged.iter().sum()
    }
}

fn bar(talk: &Talk, lines: &Lines) -> ProgressBar {
    let template = match lines.size() {
        Some(_) => "{bar:32} {bytes}/{total_bytes} {msg} ({eta} left)",
        None => "{spinner} {bytes} {msg}",
    };
    let bar = talk.add(match lines.size() {
        Some(size) => ProgressBar::new(size),
        None => ProgressBar::new_spinner(),
    });
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(BAR_INTERVAL);
    bar
}

/// How many events each partition took.
fn summary(tally: &Tally, partition_ids: &[String]) -> String {
    let mut text = format!("{} events acknowledged\n", tally.sum());
    for (id, count) in partition_ids.iter().zip(&tally.acknowledged) {
        text.push_str(&format!("  partition {id}: {count}\n"));
    }
    if tally.doubtful > 0 {
        let doubtful = tally.doubtful;
        text.push_str(&format!(
            "{doubtful} of them were sent again after no answer came: the hub may have them more \
             than once\n"
        ));
    }
    text.truncate(text.trim_end().len());
    text
}

fn verdict(tally: &Tally) -> Result<(), Failure> {
    let reason = tally.reason.clone().unwrap_or_default();
    let not_taken = tally.refused + tally.unavailable;
    match (not_taken, tally.unavailable, tally.unknown) {
        (0, _, 0) => Ok(()),
        (_, 0, 0) => Err(anyhow::anyhow!("{not_taken} events were not taken: {reason}").into()),
        (_, _, unknown) => Err(Failure::unavailable(
            format!("{not_taken} events were not taken, and of {unknown} it is unknown: {reason}"),
            "look at the hub, then send the rest again",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(partition: usize, count: u64, outcome: Outcome) -> Report {
        let events = (0..count)
            .map(|number| Outgoing {
                number,
                body: Vec::new(),
            })
            .collect();
        Report {
            partition,
            events,
            outcome,
        }
    }

    #[test]
    fn the_summary_counts_by_partition_and_names_doubts() {
        let mut tally = Tally {
            acknowledged: vec![0; 2],
            ..Tally::default()
        };
        tally.add(&report(0, 3, Outcome::Acknowledged { doubts: 0 }));
        tally.add(&report(1, 2, Outcome::Acknowledged { doubts: 1 }));
        let ids = ["0".to_owned(), "1".to_owned()];
        insta::assert_snapshot!(summary(&tally, &ids), @"
        5 events acknowledged
          partition 0: 3
          partition 1: 2
        2 of them were sent again after no answer came: the hub may have them more than once
        ");
        assert!(verdict(&tally).is_ok());
    }

    #[test]
    fn a_hub_that_took_nothing_is_unavailable_and_one_that_refused_is_a_failure() {
        let fate = |outcome| {
            let mut tally = Tally::default();
            tally.add(&report(0, 2, outcome));
            verdict(&tally).unwrap_err()
        };
        let reason = || "no answer".to_owned();
        let unavailable = fate(Outcome::Unavailable(reason()));
        assert!(
            matches!(unavailable, Failure::Unavailable { .. }),
            "{unavailable}"
        );
        let refused = fate(Outcome::Refused(reason()));
        assert!(matches!(refused, Failure::Failed(_)), "{refused}");
    }

    #[test]
    fn what_is_unknown_fails_the_command_and_is_said() {
        let mut tally = Tally {
            acknowledged: vec![0],
            ..Tally::default()
        };
        tally.add(&report(
            0,
            4,
            Outcome::Unknown("no answer within 20 s".to_owned()),
        ));
        let failure = verdict(&tally).unwrap_err();
        insta::assert_snapshot!(failure, @"0 events were not taken, and of 4 it is unknown: no answer within 20 s; look at the hub, then send the rest again");
    }
}
