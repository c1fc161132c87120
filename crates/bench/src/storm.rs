//! A storm: owners that nobody knows, on every partition, while known ones go on sending.
//!
//! Twice: first as a backlog, which gives the rate, beside one bulk insert of the very rows that
//! came of it; then at half that rate, which gives the delay of the known owners' statuses from the
//! hub's acknowledgement to the commit.

mod bulk;
mod delay;
mod load;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rollcall_model::SystemClock;
use rollcall_pipeline::Handle;
use rollcall_store::{SinkRegistration, Store};
use rollcall_test_servers::Database;

use crate::cases::Bench;
use crate::cases::whole_path::{config, until_stored};
use crate::cpu;
use crate::database::{Kind, Place};
use crate::hub_process::HubProcess;
use delay::Delays;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, default_value_t = 32)]
    pub(crate) partitions: u32,
    /// Newcomers of the backlog, each with one sub-owner.
    #[arg(long, default_value_t = 1_000_000)]
    owners: u64,
    /// Newcomers that come at half the rate, while known owners send.
    #[arg(long, default_value_t = 100_000)]
    paced: u64,
    /// Statuses a second of owners that are known already.
    #[arg(long, default_value_t = 200)]
    known_per_second: u32,
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// What a run found.
pub(crate) struct Outcome {
    owners: u64,
    seconds: f64,
    bulk_seconds: f64,
    cpu_seconds: f64,
    database_cpu_seconds: f64,
    paced_per_second: f64,
    paced_seconds: f64,
    paced: u64,
    delays: Delays,
}

pub(crate) async fn run(bench: &Bench, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let place = Place::new(bench, Kind::Postgres)?;
    let hub = HubProcess::start(&bench.arguments, &bench.dir.path().join("hub"), false)?;
    let source = hub.source(&bench.arguments);
    let mut load = load::Load::open(&source, bench.arguments.partitions, arguments.seed).await?;
    load.greet().await?;
    load.backlog(arguments.owners).await?;
    let store = place.open(bench).await?;
    register_sink(&store).await?;

    let server = bench.postgres()?.pid()?;
    let own = std::process::id();
    let (cpu_before, database_before) = (cpu::seconds(own)?, cpu::seconds_of_tree(server)?);
    let started = Instant::now();
    let pipeline = rollcall_pipeline::start(
        config(bench)?,
        source,
        store.clone(),
        Arc::new(SystemClock),
        bench.io.clone(),
    )?;
    until_stored(&pipeline, load.sent()).await;
    let seconds = started.elapsed().as_secs_f64();
    let cpu_seconds = cpu::seconds(own)? - cpu_before;
    let database_cpu_seconds = cpu::seconds_of_tree(server)? - database_before;
    check(place.server()?, load.owners(), load.sent())?;
    let bulk_seconds = bulk::insert(place.server()?)?;

    let paced_per_second = rate(arguments.owners, seconds) / 2.0;
    let paced_started = Instant::now();
    let delays = pace(bench, arguments, &pipeline, load, paced_per_second, &place).await?;
    Ok(Outcome {
        owners: arguments.owners,
        seconds,
        bulk_seconds,
        cpu_seconds,
        database_cpu_seconds,
        paced_per_second,
        paced_seconds: paced_started.elapsed().as_secs_f64(),
        paced: arguments.paced,
        delays,
    })
}

/// Sends newcomers and known owners' statuses at their rates, and follows the checkpoints.
async fn pace(
    bench: &Bench,
    arguments: &Arguments,
    pipeline: &Handle,
    mut load: load::Load,
    newcomers_per_second: f64,
    place: &Place<'_>,
) -> anyhow::Result<Delays> {
    let (newcomers, known_per_second) = (arguments.paced, arguments.known_per_second);
    let sending = bench.io.spawn(async move {
        load.pace(newcomers, newcomers_per_second, known_per_second)
            .await?;
        anyhow::Ok(load)
    });
    let mut timeline = delay::Timeline::default();
    while !sending.is_finished() {
        timeline.look(pipeline);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let load = sending.await??;
    let finished = timeline.until(pipeline, load.sent());
    finished.await;
    pipeline.drain().await;
    check(place.server()?, load.owners(), load.sent())?;
    timeline.delays(place.server()?, load::KNOWN_PREFIX)
}

async fn register_sink(store: &Store) -> anyhow::Result<()> {
    let sink = SinkRegistration {
        name: "log".to_owned(),
        types: Vec::new(),
    };
    Ok(store.register_sinks(&[sink]).await?)
}

/// One row and one event for each owner and sub-owner, and every status once.
fn check(database: &Database<'_>, owners: u64, statuses: u64) -> anyhow::Result<()> {
    for (what, count) in [
        ("owners", owners),
        ("sub_owners", owners),
        ("outbox_events", 2 * owners),
        ("statuses", statuses),
    ] {
        let found = database.psql(&format!("SELECT count(*) FROM {what}"))?;
        ensure!(found == count.to_string(), "{found} {what}, not {count}");
    }
    let subjects = "SELECT count(DISTINCT (type, subject)) FROM outbox_events";
    let subjects = database.psql(subjects)?;
    ensure!(subjects == (2 * owners).to_string(), "announced twice");
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_owner = |seconds: f64| 1e6 / rate(self.owners, seconds);
        writeln!(
            f,
            "{} newcomers as a backlog: {:.1} s, {:.0} owners/s, {:.1} µs of CPU per owner, {:.1} \
             of PostgreSQL's; one bulk insert of the same rows: {:.1} s; {:.2} of its rate",
            self.owners,
            self.seconds,
            rate(self.owners, self.seconds),
            per_owner(self.cpu_seconds),
            per_owner(self.database_cpu_seconds),
            self.bulk_seconds,
            self.bulk_seconds / self.seconds,
        )?;
        write!(
            f,
            "{} newcomers at {:.0} a second (in {:.1} s): {}",
            self.paced, self.paced_per_second, self.paced_seconds, self.delays
        )
    }
}
