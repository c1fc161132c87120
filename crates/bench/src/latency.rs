//! From the moment an event is due to the moment its status is committed.
//!
//! Real processes: a hub, nodes on a PostgreSQL that is durable as in earnest, and fleets that send
//! by a timetable, whether anybody keeps up or not. A status's own time is when the fleet was due to
//! send it, and PostgreSQL keeps when each transaction was committed (`track_commit_timestamp`), so
//! every latency is the difference of two columns: nothing has to watch, nothing is omitted because
//! the fleet was held up, and all of it is on one machine's clock.
//!
//! First the highest rate: how fast a backlog is committed while it is still being sent. Then shares
//! of it, and what a storm of newcomers, a node that is killed and a checkpoint do to the rest.

mod figures;
mod plot;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;

pub(crate) use figures::{Point, histogram};

use crate::cast::{self, Cast, Fleet};
use figures::Figures;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Seconds that each load lasts
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[arg(long, default_value_t = 2)]
    nodes: usize,
    /// Known owners, of five sub-owners each
    #[arg(long, default_value_t = 400)]
    known: u64,
    /// Newcomers of the storm, with five sub-owners each
    #[arg(long, default_value_t = 20_000)]
    newcomers: u64,
    /// Where the plot goes
    #[arg(long, default_value = "crates/bench/latency.svg")]
    plot: PathBuf,
    /// The program; otherwise the one beside the bench
    #[arg(long)]
    rollcall: Option<PathBuf>,
}

/// What happens while a load lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Nothing,
    Storm,
    /// A node is killed, and nobody starts it again.
    FailOver,
    Checkpoint,
}

/// A load, as a share of the highest rate.
#[derive(Debug, Clone, Copy)]
struct Scenario {
    name: &'static str,
    share: f64,
    event: Event,
}

const fn scenario(name: &'static str, share: f64, event: Event) -> Scenario {
    Scenario { name, share, event }
}

/// The fail-over is last: a node is missing from then on.
const SCENARIOS: [Scenario; 6] = [
    scenario("10 % of the highest rate", 0.1, Event::Nothing),
    scenario("50 %", 0.5, Event::Nothing),
    scenario("80 %", 0.8, Event::Nothing),
    scenario("30 %, a storm of newcomers", 0.3, Event::Storm),
    scenario("50 %, a checkpoint of PostgreSQL", 0.5, Event::Checkpoint),
    scenario("30 %, one of the nodes is killed", 0.3, Event::FailOver),
];

/// The latencies of a scenario.
pub(crate) struct Line {
    name: &'static str,
    rate: f64,
    points: Vec<Point>,
    figures: Figures,
}

/// Events that the highest rate is taken from.
const BACKLOG: u64 = 300_000;

/// Measures all, writes the plot; the table.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<String> {
    let mut cast = Cast::start(cast::program(arguments.rollcall.as_deref())?).await?;
    cast.start_nodes(arguments.nodes).await?;
    let highest = highest_rate(&mut cast, arguments).await?;
    tracing::info!(highest, "events/s");
    let mut lines = Vec::new();
    for scenario in SCENARIOS {
        let points = play(&mut cast, arguments, scenario, highest).await?;
        lines.push(Line {
            name: scenario.name,
            rate: highest * scenario.share,
            figures: Figures::of(&points)?,
            points,
        });
    }
    let plot = &arguments.plot;
    std::fs::write(plot, plot::svg(&lines))
        .with_context(|| format!("cannot write {}", plot.display()))?;
    Ok(table(&lines, highest))
}

/// Events per second from the first one enqueued to the last one committed, of a fleet without a
/// timetable. It enters the known owners, too: a second fleet is the one that counts.
async fn highest_rate(cast: &mut Cast, arguments: &Arguments) -> anyhow::Result<f64> {
    let fleet = Fleet {
        owners: arguments.known,
        rate: 10_000_000.0,
        events: Some(BACKLOG),
        seconds: None,
        seed: 1,
    };
    for round in 0..2 {
        let since = cast.now().await?;
        cast.fleet("backlog", &fleet)?.ends().await?;
        cast.rests().await?;
        if round == 1 {
            return cast.rate_since(since).await;
        }
    }
    anyhow::bail!("no round was played")
}

async fn play(
    cast: &mut Cast,
    arguments: &Arguments,
    scenario: Scenario,
    highest: f64,
) -> anyhow::Result<Vec<Point>> {
    let fleet = Fleet {
        owners: arguments.known,
        rate: highest * scenario.share,
        events: None,
        seconds: Some(arguments.seconds),
        seed: 2,
    };
    let since = cast.now().await?;
    let mut sending = cast.fleet("steady", &fleet)?;
    sleep(Duration::from_secs(arguments.seconds / 3)).await;
    match scenario.event {
        Event::Nothing => {}
        Event::Checkpoint => cast.checkpoint().await?,
        Event::FailOver => cast.kill_a_node()?,
        Event::Storm => {
            let storm = Fleet {
                owners: arguments.newcomers,
                rate: 10_000_000.0,
                events: Some(arguments.newcomers * 5),
                seconds: None,
                seed: 3,
            };
            cast.fleet("storm", &storm)?.ends().await?;
        }
    }
    sending.ends().await?;
    cast.rests().await?;
    cast.points_since(since).await
}

fn table(lines: &[Line], highest: f64) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "load", "events/s", "events", "p50", "p99", "p99.9", "greatest",
    ]);
    for line in lines {
        let figures = &line.figures;
        let mut row = vec![
            line.name.to_owned(),
            format!("{:.0}", line.rate),
            line.points.len().to_string(),
        ];
        row.extend(figures.shown());
        table.add_row(row);
    }
    format!("highest rate: {highest:.0} events/s\n{table}")
}
