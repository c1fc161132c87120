//! What people at the API and the console cost the ingest, and how soon they see what is committed.
//!
//! Two nodes on a PostgreSQL with a million owners. A backlog is committed while it is still being
//! sent, in turns with nobody looking and with a crowd that asks both nodes for what the console's
//! pages ask and listens to their live streams: the ratio of the two rates is what the crowd costs,
//! the work of its own end included, for all of it is on one machine. Then, at a share of that rate,
//! statuses are seen: in the streams of both nodes, and in the answer that an owner's page asks for
//! as soon as its stream tells of one. PostgreSQL keeps when each was committed, by the same clock.

mod bill;
mod people;
mod watch;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;

use crate::cast::{self, Cast, Fleet};
use bill::{Bill, Bills};
use people::Crowd;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Owners that do not send, beside those that do
    #[arg(long, default_value_t = 1_000_000)]
    roll: i64,
    /// Owners that send, of five sub-owners each
    #[arg(long, default_value_t = 400)]
    known: u64,
    /// People, each with a page open
    #[arg(long, default_value_t = 10)]
    people: usize,
    /// Milliseconds between two questions of each
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    ask_every_millis: u64,
    /// How many of them have a live stream open; otherwise all
    #[arg(long)]
    listeners: Option<usize>,
    /// Events of each turn
    #[arg(long, default_value_t = 300_000)]
    backlog: u64,
    /// Turns with and without the crowd
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds in which statuses are watched
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Share of the highest rate at which they come then
    #[arg(long, default_value_t = 0.1)]
    share: f64,
    /// The program; otherwise the one beside the bench
    #[arg(long)]
    rollcall: Option<PathBuf>,
}

const NODES: usize = 2;
/// Its order on the disk is not the order of the ids.
const FILL: &str = "INSERT INTO owners
    (owner_id, state, display_name, settings, version, created_at, created_by, search)
    SELECT id, CASE WHEN n % 100 = 0 THEN 'blocked' ELSE 'active' END, name, '{}', 1,
        now() - n * interval '1 second', 'stream', id || ' ' || lower(name)
    FROM generate_series(1, $1) AS n,
        LATERAL (SELECT 'site-' || md5(n::text) AS id, 'Plant ' || n AS name) AS named";

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<String> {
    let mut cast = Cast::start(cast::program(arguments.rollcall.as_deref())?).await?;
    cast.migrate().await?;
    sqlx::query(FILL)
        .bind(arguments.roll)
        .execute(cast.connection())
        .await?;
    sqlx::raw_sql("VACUUM ANALYZE owners")
        .execute(cast.connection())
        .await?;
    cast.start_nodes(NODES).await?;
    // The one that enters those who send is not counted.
    turn(&mut cast, arguments, &mut Bill::default()).await?;
    let apis: Vec<String> = sqlx::query_scalar("SELECT api FROM nodes ORDER BY name")
        .fetch_all(cast.connection())
        .await?;
    let (mut rounds, mut asked) = (Vec::new(), people::Asked::default());
    let (mut bill_alone, mut bill_crowded) = (Bill::default(), Bill::default());
    for number in 0..arguments.rounds {
        let mut round = Round::default();
        // Who is first changes, so that a table that grows speaks for neither.
        for with_crowd in [number % 2 == 0, number % 2 == 1] {
            if with_crowd {
                let crowd = Crowd::gather(&apis, arguments).await?;
                round.crowded = turn(&mut cast, arguments, &mut bill_crowded).await?;
                asked.add(crowd.leave().await?)?;
            } else {
                round.alone = turn(&mut cast, arguments, &mut bill_alone).await?;
            }
        }
        tracing::info!(?round, "events/s");
        rounds.push(round);
    }
    let rates = Rates::of(&rounds)?;
    let bills = Bills {
        alone: &bill_alone,
        crowded: &bill_crowded,
    };
    let seen = watch::watch(&mut cast, arguments, &apis, rates.alone * arguments.share).await?;
    Ok(format!("{rates}\n\n{bills}\n{asked}\n{seen}"))
}

/// Events per second of one backlog.
async fn turn(cast: &mut Cast, arguments: &Arguments, bill: &mut Bill) -> anyhow::Result<f64> {
    let fleet = Fleet {
        owners: arguments.known,
        rate: 10_000_000.0,
        events: Some(arguments.backlog),
        seconds: None,
        seed: 1,
    };
    let (since, before) = (cast.now().await?, cast.cpu_seconds()?);
    cast.fleet("backlog", &fleet)?.ends().await?;
    cast.rests().await?;
    bill.add(&before, &cast.cpu_seconds()?, arguments.backlog);
    cast.rate_since(since).await
}

/// Events per second of a turn without the crowd and of one with it, right after each other: the
/// machine's own speed changes less from one to the next than from the first round to the last.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    alone: f64,
    crowded: f64,
}

/// Medians over all rounds, and the quartiles of each round's ratio.
struct Rates {
    rounds: usize,
    alone: f64,
    crowded: f64,
    ratios: [f64; 3],
}

impl Rates {
    fn of(rounds: &[Round]) -> anyhow::Result<Self> {
        let median = |rate: fn(&Round) -> f64| quartiles(rounds.iter().map(rate));
        let ([_, alone, _], [_, crowded, _]) = (median(|it| it.alone)?, median(|it| it.crowded)?);
        Ok(Self {
            rounds: rounds.len(),
            alone,
            crowded,
            ratios: quartiles(rounds.iter().map(|it| it.crowded / it.alone))?,
        })
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rounds,
            alone,
            crowded,
            ratios: [low, median, high],
        } = self;
        write!(
            f,
            "alone {alone:.0} events/s, beside people {crowded:.0}: {median:.3} of it at the median of \
             {rounds} rounds, {low:.3} to {high:.3} in the middle half"
        )
    }
}

fn quartiles(values: impl Iterator<Item = f64>) -> anyhow::Result<[f64; 3]> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1).context("no round was played")?;
    Ok([1, 2, 3].map(|quarter| values[last * quarter / 4]))
}

/// As in `3.1 ms`.
fn millis(histogram: &Histogram<u64>, percentile: f64) -> String {
    let micros = histogram.value_at_percentile(percentile);
    format!(
        "{:.1} ms",
        Duration::from_micros(micros).as_secs_f64() * 1e3
    )
}
