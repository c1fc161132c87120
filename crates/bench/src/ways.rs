//! What the ways of entering newcomers cost: those of `rollcall-race`, two hundred lines that a good
//! engineer would write, and Rollcall's pipeline.
//!
//! All of them read the same hub through the same client and store on the same PostgreSQL, which is
//! durable as in earnest. Twice: owners that everybody knows (steady), and a newcomer with every
//! event (storm). The clock starts when a tenth is done, so that connections, leases and the first
//! look at each owner are over. Announcements go nowhere: each way is charged what it does to the
//! database and to Redis, and nobody a receiver's time. Rows that the ways leave behind under kills
//! come from a small race beside it.

mod contest;
mod losses;
mod plot;
mod proxy;
mod table;

use std::path::PathBuf;

use anyhow::Context as _;
use rollcall_race::{Job, Kind};
use rollcall_test_servers::Redis;

use crate::cases::Bench;
use crate::hub_process::HubProcess;
use crate::load;
use contest::{Contest, Figures, Load};
use losses::Losses;

/// So that sixteen consumers have one each.
pub(crate) const PARTITIONS: u32 = 16;
const OWNERS: u64 = 100;
/// Of the events of a timed run, those of the run that counts round trips.
const COUNTED_SHARE: u64 = 4;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Events of the ways that go in batches, of owners that are known
    #[arg(long, default_value_t = 400_000)]
    steady: u64,
    /// Newcomers of the ways that go in batches
    #[arg(long, default_value_t = 100_000)]
    storm: u64,
    /// Events per connection of the ways that take one message at a time
    #[arg(long, default_value_t = 3_000)]
    per_message: u64,
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    connections: Vec<u32>,
    /// Where the plot goes
    #[arg(long, default_value = "crates/bench/ways.svg")]
    plot: PathBuf,
    /// The program of the race under kills; otherwise the one beside the bench
    #[arg(long)]
    rollcall: Option<PathBuf>,
}

/// What the run is about is not a matter of flags: consumers have the same number of partitions, and
/// each has seen all owners when the clock starts.
pub(crate) fn adapt(arguments: &mut crate::Arguments) {
    (arguments.partitions, arguments.owners) = (PARTITIONS, OWNERS);
}

/// What was measured of one way with so many connections.
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) connections: u32,
    pub(crate) steady: Figures,
    pub(crate) storm: Figures,
    pub(crate) losses: Option<Losses>,
}

/// What all contests share.
pub(crate) struct Ground<'b> {
    pub(crate) bench: &'b Bench,
    pub(crate) redis: Option<Redis>,
    pub(crate) steady: HubProcess,
    pub(crate) storm: HubProcess,
    pub(crate) arguments: Arguments,
}

/// Measures all, writes the plot; the tables.
pub(crate) async fn run(bench: &Bench, arguments: Arguments) -> anyhow::Result<String> {
    let redis = Redis::start();
    if let Err(error) = &redis {
        tracing::warn!("the ways that need Redis are left out: {error:#}");
    }
    let kinds = kinds(redis.is_ok());
    let losses = losses::count(bench, &arguments, &kinds).await?;
    let ground = Ground {
        bench,
        redis: redis.ok(),
        steady: filled(bench, Load::Steady, arguments.steady).await?,
        storm: filled(bench, Load::Storm, arguments.storm).await?,
        arguments,
    };
    let mut lines = Vec::new();
    for connections in ground.arguments.connections.clone() {
        for kind in &kinds {
            tracing::info!(way = kind.name(), connections, "measuring");
            lines.push(Line {
                kind: *kind,
                connections,
                steady: median(&ground, *kind, connections, Load::Steady).await?,
                storm: median(&ground, *kind, connections, Load::Storm).await?,
                losses: losses.get(kind.name()).copied(),
            });
        }
    }
    let plot = &ground.arguments.plot;
    std::fs::write(plot, plot::svg(&lines))
        .with_context(|| format!("cannot write {}", plot.display()))?;
    Ok(table::tables(&lines))
}

fn kinds(redis: bool) -> Vec<Kind> {
    let per_message = Kind::PER_MESSAGE.into_iter();
    let mut kinds: Vec<Kind> = per_message
        .filter(|kind| redis || !kind.needs_redis())
        .collect();
    kinds.extend([
        Kind::TwoHundredLines(Job::Bare),
        Kind::TwoHundredLines(Job::Whole),
        Kind::Rollcall,
    ]);
    kinds
}

/// A hub with that many events.
async fn filled(bench: &Bench, load: Load, events: u64) -> anyhow::Result<HubProcess> {
    let mut arguments = bench.arguments.clone();
    arguments.events = events;
    if load == Load::Storm {
        (arguments.owners, arguments.sub_owners) = (events, 1);
    }
    let dir = bench.dir.path().join(load.name());
    let hub = HubProcess::start(&arguments, &dir, false)?;
    load::fill(&arguments, &hub.source(&arguments)).await?;
    Ok(hub)
}

/// The median of the rounds, by rate, with the round trips of a run of its own.
async fn median(
    ground: &Ground<'_>,
    kind: Kind,
    connections: u32,
    load: Load,
) -> anyhow::Result<Figures> {
    let events = events(&ground.arguments, kind, connections, load);
    let contest = |events| Contest {
        kind,
        connections,
        load,
        events,
    };
    let mut rounds = Vec::new();
    for _ in 0..ground.bench.arguments.rounds {
        rounds.push(contest(events).run(ground).await?);
    }
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let mut figures = *rounds.get(rounds.len() / 2).context("no rounds")?;
    let counted = contest(events / COUNTED_SHARE);
    figures.round_trips = counted.count_round_trips(ground).await?;
    Ok(figures)
}

fn events(arguments: &Arguments, kind: Kind, connections: u32, load: Load) -> u64 {
    let all = match load {
        Load::Steady => arguments.steady,
        Load::Storm => arguments.storm,
    };
    match Kind::PER_MESSAGE.contains(&kind) {
        true => (arguments.per_message * u64::from(connections)).min(all),
        false => all,
    }
}
