//! What the whole path costs with few owners and with a million, with few owner actors and with many,
//! and what it keeps in memory.
//!
//! Every cell has a hub, a database and a pipeline of its own. First each owner and sub-owner sends
//! once, so that all are entered and resident; the clock starts when the slowest partition is through
//! with that. The first cell is what the others are compared with.

mod statements;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azure_messaging_eventhubs::EventDataBatchOptions;
use comfy_table::Table;
use rollcall_model::SystemClock;
use rollcall_pipeline::Handle;
use rollcall_source::client;
use tokio::runtime;

use crate::cases::Bench;
use crate::cases::whole_path::config;
use crate::database::{Kind, Place};
use crate::hub_process::HubProcess;
use crate::{cpu, load};

use self::statements::{STATEMENTS, Times};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Owners of the cells with 16 owner actors
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1000,10000,100000,1000000"
    )]
    counts: Vec<u64>,
    /// Owner actors of the cells with as many owners as the first one has
    #[arg(long, value_delimiter = ',', default_value = "4,64")]
    actors: Vec<usize>,
}

/// What a cell measured.
struct Cell {
    database: Kind,
    owners: u64,
    sub_owners: u64,
    shards: usize,
    events: u64,
    seconds: f64,
    cpu_seconds: f64,
    database_cpu_seconds: f64,
    /// This process's, when the clock started and when it stopped.
    resident_bytes: [u64; 2],
    statements: Option<Times>,
}

pub(crate) struct Outcome(Vec<Cell>);

pub(crate) async fn run(
    arguments: &crate::Arguments,
    flat: &Arguments,
    io: &runtime::Handle,
) -> anyhow::Result<Outcome> {
    let mut cells = Vec::new();
    for database in arguments.databases.clone() {
        let by_owners = flat.counts.iter().map(|owners| (*owners, arguments.shards));
        let few = flat.counts.first().copied().unwrap_or(arguments.owners);
        let by_actors = flat.actors.iter().map(|shards| (few, *shards));
        for (owners, shards) in by_owners.chain(by_actors) {
            let arguments = crate::Arguments {
                databases: vec![database],
                owners,
                shards,
                ..arguments.clone()
            };
            tracing::info!(owners, shards, database = database.name(), "measuring");
            let bench = Bench::new(arguments, io.clone())?;
            cells.push(cell(&bench, database).await?);
        }
    }
    Ok(Outcome(cells))
}

async fn cell(bench: &Bench, database: Kind) -> anyhow::Result<Cell> {
    let arguments = &bench.arguments;
    let hub = HubProcess::start(arguments, &bench.dir.path().join("hub"), false)?;
    let source = hub.source(arguments);
    let everybody = arguments.owners * arguments.sub_owners;
    fill(arguments, &source, everybody).await?;
    let place = Place::new(bench, database)?;
    let store = place.open(bench).await?;
    let mut config = config(bench)?;
    config.max_resident_entries =
        usize::try_from(2 * (everybody + arguments.owners))?.try_into()?;
    let clock = Arc::new(SystemClock);
    let pipeline = rollcall_pipeline::start(config, source, store, clock, bench.io.clone())?;
    let greeted = i64::try_from(everybody.div_ceil(u64::from(arguments.partitions)))?;
    while slowest(&pipeline, arguments.partitions) < greeted {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let server = match database {
        Kind::Postgres => Some(bench.postgres()?.pid()?),
        Kind::Sqlite => None,
    };
    let of_server = || server.map_or(Ok(0.0), cpu::seconds_of_tree);
    let accounted = match database {
        Kind::Postgres => statements::begin(place.server()?)?,
        Kind::Sqlite => false,
    };
    let own = std::process::id();
    let before = (cpu::seconds(own)?, of_server()?, resident()?);
    let (began, left) = (
        Instant::now(),
        everybody + arguments.events - stored(&pipeline),
    );
    crate::cases::whole_path::until_stored(&pipeline, everybody + arguments.events).await;
    let seconds = began.elapsed().as_secs_f64();
    let account = || statements::read(place.server()?);
    let cell = Cell {
        database,
        owners: arguments.owners,
        sub_owners: arguments.sub_owners,
        shards: arguments.shards,
        events: left,
        seconds,
        cpu_seconds: cpu::seconds(own)? - before.0,
        database_cpu_seconds: of_server()? - before.1,
        resident_bytes: [before.2, resident()?],
        statements: accounted.then(account).transpose()?,
    };
    pipeline.drain().await;
    Ok(cell)
}

/// Each partition gets its part of the greetings, and then its part of the events.
async fn fill(
    arguments: &crate::Arguments,
    source: &rollcall_source::Config,
    greetings: u64,
) -> anyhow::Result<()> {
    let producer = client::open_producer(source).await?;
    let partitions = u64::from(arguments.partitions);
    for partition in 0..arguments.partitions {
        let of_partition =
            |count: u64| (u64::from(partition)..count).step_by(arguments.partitions as usize);
        let greeted = of_partition(greetings);
        // On by one partition each time round, so that an owner's events come on all of them.
        let later = of_partition(arguments.events).map(|number| number + number / partitions);
        let mut numbers = greeted.chain(later).peekable();
        while numbers.peek().is_some() {
            let options = EventDataBatchOptions {
                partition_id: Some(partition.to_string()),
                ..Default::default()
            };
            let batch = producer.create_batch(Some(options)).await?;
            while let Some(number) = numbers.peek()
                && batch.try_add_event_data(load::body(arguments, *number), None)?
            {
                numbers.next();
            }
            producer.send_batch(batch, None).await?;
        }
    }
    producer.close().await?;
    Ok(())
}

/// Events that the checkpoint of the slowest partition accounts for.
fn slowest(pipeline: &Handle, partitions: u32) -> i64 {
    let readers = pipeline.status().readers;
    if readers.len() < partitions as usize {
        return 0;
    }
    let counts = readers
        .iter()
        .map(|reader| reader.sequence_number.map_or(0, |at| at.0 + 1));
    counts.min().unwrap_or_default()
}

fn stored(pipeline: &Handle) -> u64 {
    let readers = pipeline.status().readers;
    let numbers = readers.iter().filter_map(|reader| reader.sequence_number);
    numbers.map(|at| (at.0 + 1).unsigned_abs()).sum()
}

/// Bytes of this process that are in memory.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.unwrap_or_default().parse::<u64>()? * 1_024)
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
impl Cell {
    fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    fn micros(&self, seconds: f64) -> String {
        format!("{:.2}", seconds * 1e6 / self.events as f64)
    }

    /// What an owner with its sub-owners keeps, beside what the first cell's keep.
    fn bytes_per_owner(&self, first: &Self) -> Option<f64> {
        let more = self.resident_bytes[0] as f64 - first.resident_bytes[0] as f64;
        (self.owners > 10 * first.owners).then(|| more / (self.owners - first.owners) as f64)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header([
            "database",
            "owners × sub-owners",
            "owner actors",
            "events",
            "events/s",
            "of the first",
            "CPU µs/event",
            "database's",
            "MiB before and after",
            "bytes per owner",
        ]);
        for cell in &self.0 {
            let of_database = |first: &&Cell| first.database == cell.database;
            let Some(first) = self.0.iter().find(of_database) else {
                continue;
            };
            let [before, after] = cell.resident_bytes.map(|bytes| bytes >> 20);
            let bytes = cell.bytes_per_owner(first);
            table.add_row([
                cell.database.name().to_owned(),
                format!("{} × {}", cell.owners, cell.sub_owners),
                cell.shards.to_string(),
                cell.events.to_string(),
                format!("{:.0}", cell.rate()),
                format!("{:.2}", cell.rate() / first.rate()),
                cell.micros(cell.cpu_seconds),
                cell.micros(cell.database_cpu_seconds),
                format!("{before}, {after}"),
                bytes.map_or("–".to_owned(), |bytes| format!("{bytes:.0}")),
            ]);
        }
        write!(f, "{table}")?;
        if self.0.iter().any(|cell| cell.statements.is_some()) {
            write!(f, "\n\n{}", self.times())?;
        }
        Ok(())
    }
}

impl Outcome {
    /// How long the statements of each cell took.
    fn times(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        let names = STATEMENTS
            .iter()
            .map(|(_, name)| format!("{name}, µs/event"));
        let first = ["owners".to_owned(), "owner actors".to_owned()];
        let others = "others, µs/event".to_owned();
        table.set_header(first.into_iter().chain(names).chain([others]));
        for cell in &self.0 {
            let Some(times) = &cell.statements else {
                continue;
            };
            let figures = times.known.iter().chain([&times.others]);
            let figures = figures.map(|seconds| cell.micros(*seconds));
            let first = [cell.owners.to_string(), cell.shards.to_string()];
            table.add_row(first.into_iter().chain(figures));
        }
        table
    }
}
