//! `rollcall demo race`: the ways in which people enter newcomers, run against each other.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use rollcall_race::{Config, DatabaseChoice, Handled, Kind, Plan, Progress, Race, RedisChoice};

use super::Context;
use crate::failure::Failure;
use crate::output;
use crate::shutdown::Shutdown;
use crate::telemetry::Talk;

const STATUSES_PER_OWNER: u32 = 6;
const PARTITIONS_PER_CONSUMER: u32 = 2;
/// The embedded hub has no more partitions.
const MOST_CONSUMERS: i64 = 64;
const BAR_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    demo: Demo,
}

#[derive(Debug, Subcommand)]
enum Demo {
    /// Enter the same newcomers in every way that people use, kill each consumer once, and count
    Race(RaceArguments),
}

#[derive(Debug, Args)]
struct RaceArguments {
    /// How many newcomers
    #[arg(long, default_value_t = 500, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(8..=100_000))]
    owners: u32,
    /// How many consumers read at once, each with two partitions
    #[arg(long, default_value_t = 8, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=MOST_CONSUMERS))]
    consumers: u32,
    /// The same seed gives the same stream and kills at the same steps
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// On SQLite, also if PostgreSQL is there
    #[arg(long, conflicts_with = "postgres")]
    sqlite: bool,
    /// A PostgreSQL on which databases may be created and dropped; otherwise a private one
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// A Redis for keys below rollcall-race:, which are deleted again; otherwise a private one
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Leave out the ways that need Redis
    #[arg(long, conflicts_with = "redis")]
    no_redis: bool,
    /// For machines
    #[arg(long)]
    json: bool,
}

impl RaceArguments {
    fn config(&self) -> Config {
        let program = std::env::current_exe();
        Config {
            plan: Plan {
                seed: self.seed,
                owners: self.owners,
                statuses_per_owner: STATUSES_PER_OWNER,
                partitions: self.consumers * PARTITIONS_PER_CONSUMER,
            },
            consumers: self.consumers,
            ways: Kind::ALL.to_vec(),
            database: match (&self.postgres, self.sqlite) {
                (Some(url), _) => DatabaseChoice::Postgres(url.clone()),
                (None, true) => DatabaseChoice::Sqlite,
                (None, false) => DatabaseChoice::Auto,
            },
            redis: match (&self.redis, self.no_redis) {
                (Some(url), _) => RedisChoice::At(url.clone()),
                (None, true) => RedisChoice::LeaveOut,
                (None, false) => RedisChoice::Auto,
            },
            rollcall: program.map_err(|error| format!("its program cannot be found: {error}")),
        }
    }
}

pub(crate) async fn demo(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let Demo::Race(arguments) = arguments.demo;
    let mut shutdown = Shutdown::listen()?;
    let line = Line::new(&context.talk);
    let race = tokio::select! {
        race = Race::open(arguments.config(), &line) => race.map_err(unreachable)?,
        () = shutdown.asked() => return Err(interrupted()),
    };
    let report = tokio::select! {
        report = race.run(&line) => report.map_err(Failure::from),
        () = shutdown.asked() => Err(interrupted()),
    };
    line.ends();
    let closed = race.close().await;
    let report = report?;
    match arguments.json {
        true => output::json(&report)?,
        false => output::text(&report.text())?,
    }
    Ok(closed.context("cannot clear up")?)
}

/// What was named and is not there; the race's own means are its own fault.
fn unreachable(error: anyhow::Error) -> Failure {
    Failure::unavailable(
        format!("{error:#}"),
        "name servers that can be reached, or leave --postgres and --redis away for private ones",
    )
}

fn interrupted() -> Failure {
    anyhow::anyhow!("interrupted; nothing is left behind").into()
}

/// The line on a terminal that is rewritten in place.
struct Line {
    bar: ProgressBar,
}

impl Line {
    fn new(talk: &Talk) -> Self {
        let bar = talk.add(ProgressBar::no_length());
        bar.enable_steady_tick(BAR_INTERVAL);
        let style = ProgressStyle::with_template("{spinner} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar }
    }

    fn ends(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Line {
    fn begins(&self, title: &str, events: u64, handled: &Handled) {
        let (title, handled, style) = (
            title.to_owned(),
            handled.clone(),
            ProgressStyle::default_spinner(),
        );
        let style = style.with_key(
            "counted",
            move |_: &indicatif::ProgressState, text: &mut dyn std::fmt::Write| {
                // A line that cannot be written is not missed.
                write!(text, "{title}: {} of {events} statuses", handled.count()).ok();
            },
        );
        let style = style.template("{spinner} {counted}");
        self.bar
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    }

    fn says(&self, sentence: &str) {
        self.bar.set_message(sentence.to_owned());
    }
}
