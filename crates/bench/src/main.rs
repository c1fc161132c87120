//! Load, peers and limits, measured in one run.
//!
//! `cargo run --release -p rollcall-bench` compares, on the same events in the same hub:
//!
//! | case | what it does |
//! |---|---|
//! | receive and drop | the official client receives every event and drops it: the limit |
//! | whole path | a node's pipeline reads, admits and stores every event |
//! | store alone | the same rows through `Store::commit`, without a hub |
//! | plain SQL | the same writes by psql: `COPY` into a staging table, `INSERT`, upsert of the latest |
//! | COPY alone | the same rows by psql's `COPY` into `statuses`, and nothing else |
//! | decode and admit | the same bodies through decoding and the owner actors, without hub or store |
//!
//! The first two run in both settlement modes, with the same connections and prefetch. Whole path
//! and store run on SQLite and on a private PostgreSQL, durable as in earnest. The hub is another
//! process, so that its CPU is not the node's. A machine may be shared and noisy: only ratios
//! within one run mean something, and each case is run several times and its median shown.
//!
//! `cargo run --release -p rollcall-bench -- storm` enters a million newcomers, beside one bulk
//! insert of the same rows. `… -- ways` measures the ways in which people enter newcomers, and
//! writes a plot. `… -- latency` measures the time from due to committed, by percentiles, at shares
//! of the highest rate and while something goes wrong, and writes a plot, too. `… -- flat` measures the
//! whole path with a thousand owners and with a million, and what they keep in memory. `… -- crowd`
//! measures what people at the API and the console cost the ingest, and how soon they see a status.

#![allow(clippy::print_stdout, reason = "the table is this program's output")]

mod cases;
mod cast;
mod cpu;
mod crowd;
mod database;
mod flat;
mod hub_process;
mod latency;
mod load;
mod report;
mod storm;
mod ways;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use database::{Kind, Setting};
use rollcall_hub::Hub;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the hot paths against their limits, in one run.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the statuses go; PostgreSQL is Debian's, started for the run.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "sqlite,postgres"
    )]
    databases: Vec<Kind>,
    /// Events of each case.
    #[arg(long, default_value_t = 300_000)]
    events: u64,
    #[arg(long, default_value_t = 8)]
    partitions: u32,
    #[arg(long, default_value_t = 200)]
    owners: u64,
    /// Of each owner.
    #[arg(long, default_value_t = 5)]
    sub_owners: u64,
    /// How often each case is run.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[arg(long, default_value_t = 2_000)]
    prefetch: u32,
    #[arg(long, default_value_t = 16)]
    shards: usize,
    /// `store.writers`.
    #[arg(long, default_value_t = 1)]
    writers: usize,
    /// Of the PostgreSQL that is started (but for `crowd` and `latency`), as in `shared_buffers=4GB`; may be
    /// given several times.
    #[arg(long = "postgres-setting", value_name = "NAME=VALUE")]
    postgres_settings: Vec<Setting>,
    /// Runs the hub itself; used by the bench for its own hub process.
    #[arg(long, hide = true)]
    hub: Option<PathBuf>,
    #[arg(long, hide = true)]
    presettle: bool,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Enters newcomers by the stream on PostgreSQL, beside one bulk insert of the same rows.
    Storm(storm::Arguments),
    /// Measures the ways in which people enter newcomers, beside Rollcall's, on PostgreSQL.
    Ways(ways::Arguments),
    /// Measures the whole path with few owners and with a million, and with more owner actors.
    Flat(flat::Arguments),
    /// Measures ingest beside people at the API and the console, with a million owners on PostgreSQL.
    Crowd(crowd::Arguments),
    /// Measures how long events take until they are committed, calm and in trouble, on PostgreSQL.
    Latency(latency::Arguments),
}

fn main() -> anyhow::Result<()> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = Arguments::parse();
    let io = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Some(dir) = &arguments.hub {
        return io.block_on(serve(&arguments, dir));
    }
    let command = arguments.command.clone();
    match &command {
        Some(Command::Storm(storm)) => arguments.partitions = storm.partitions,
        Some(Command::Ways(_)) => ways::adapt(&mut arguments),
        Some(Command::Latency(latency)) => {
            println!("{}", io.block_on(latency::run(latency))?);
            return Ok(());
        }
        Some(Command::Crowd(crowd)) => {
            println!("{}", io.block_on(crowd::run(crowd))?);
            return Ok(());
        }
        Some(Command::Flat(flat)) => {
            let _io = io.enter();
            let measuring = flat::run(&arguments, flat, io.handle());
            println!("{}", actix_rt::System::new().block_on(measuring)?);
            return Ok(());
        }
        None => {}
    }
    let bench = cases::Bench::new(arguments, io.handle().clone())?;
    let _io = io.enter();
    let system = actix_rt::System::new();
    match command {
        None => {
            let results = system.block_on(cases::run_all(&bench))?;
            println!("{}", report::table(&results));
        }
        Some(Command::Storm(arguments)) => {
            println!("{}", system.block_on(storm::run(&bench, &arguments))?);
        }
        Some(Command::Ways(arguments)) => {
            println!("{}", system.block_on(ways::run(&bench, arguments))?);
        }
        // They have no use for what the others share.
        Some(Command::Crowd(_) | Command::Latency(_) | Command::Flat(_)) => {}
    }
    Ok(())
}

/// The hub process: prints its address and runs until its standard input ends.
async fn serve(arguments: &Arguments, dir: &std::path::Path) -> anyhow::Result<()> {
    let config = rollcall_hub::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        partitions: arguments.partitions,
        presettle: arguments.presettle,
        ..rollcall_hub::Config::new(dir)
    };
    let hub = Hub::start(config, std::sync::Arc::new(rollcall_model::SystemClock)).await?;
    println!("{}", hub.address());
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    ended.await??;
    hub.stop().await;
    Ok(())
}
