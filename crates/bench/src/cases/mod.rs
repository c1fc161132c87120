//! The cases of a run.

mod decode_and_admit;
mod plain_sql;
mod receive_and_drop;
mod store_alone;
pub(crate) mod whole_path;

use std::time::Instant;

use anyhow::Context;
use rollcall_test_servers::Postgres;
use tempfile::TempDir;
use tokio::runtime;

use crate::database::{Kind, start_postgres};
use crate::hub_process::HubProcess;
use crate::report::Measured;
use crate::{Arguments, cpu, load};

/// What all cases share.
pub(crate) struct Bench {
    pub(crate) arguments: Arguments,
    pub(crate) io: runtime::Handle,
    pub(crate) dir: TempDir,
    postgres: Option<Postgres>,
}

impl Bench {
    pub(crate) fn new(arguments: Arguments, io: runtime::Handle) -> anyhow::Result<Self> {
        let postgres = arguments.databases.contains(&Kind::Postgres);
        let postgres = postgres
            .then(|| start_postgres(&arguments.postgres_settings))
            .transpose();
        Ok(Self {
            arguments,
            io,
            dir: TempDir::new()?,
            postgres: postgres.context("leave it out by `--databases sqlite`")?,
        })
    }

    pub(crate) fn postgres(&self) -> anyhow::Result<&Postgres> {
        self.postgres
            .as_ref()
            .context("PostgreSQL is not among --databases")
    }
}

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) struct Case<'h> {
    pub(crate) name: &'static str,
    pub(crate) database: Option<Kind>,
    /// With its settlement mode.
    pub(crate) hub: Option<(&'h HubProcess, &'static str)>,
}

/// Every case with its rounds.
pub(crate) async fn run_all(bench: &Bench) -> anyhow::Result<Vec<Vec<Measured>>> {
    let mut results = with_hub(bench).await?;
    let mut cases: Vec<Vec<Measured>> = Vec::new();
    for round in 0..bench.arguments.rounds {
        tracing::info!(round, "measuring without the hub");
        // In turn, so that a noisy minute hits all of them.
        for (index, measured) in without_hub(bench).await?.into_iter().enumerate() {
            match cases.get_mut(index) {
                Some(rounds) => rounds.push(measured),
                None => cases.push(vec![measured]),
            }
        }
    }
    results.append(&mut cases);
    Ok(results)
}

async fn with_hub(bench: &Bench) -> anyhow::Result<Vec<Vec<Measured>>> {
    let log = bench.dir.path().join("hub");
    {
        let hub = HubProcess::start(&bench.arguments, &log, false)?;
        load::fill(&bench.arguments, &hub.source(&bench.arguments)).await?;
    }
    let mut results = Vec::new();
    for (presettle, settlement) in [(false, "unsettled"), (true, "pre-settled")] {
        let hub = HubProcess::start(&bench.arguments, &log, presettle)?;
        let mut dropped = Vec::new();
        let mut whole = vec![Vec::new(); bench.arguments.databases.len()];
        for round in 0..bench.arguments.rounds {
            tracing::info!(round, settlement, "measuring with the hub");
            dropped.push(receive_and_drop::measure(bench, &hub, settlement).await?);
            for (database, whole) in bench.arguments.databases.iter().zip(&mut whole) {
                whole.push(whole_path::measure(bench, *database, &hub, settlement).await?);
            }
        }
        results.push(dropped);
        results.append(&mut whole);
    }
    Ok(results)
}

/// One round.
async fn without_hub(bench: &Bench) -> anyhow::Result<Vec<Measured>> {
    let mut round = Vec::new();
    for database in &bench.arguments.databases {
        round.push(store_alone::measure(bench, *database).await?);
        if *database == Kind::Postgres {
            round.push(plain_sql::measure(bench).await?);
            round.push(plain_sql::measure_copy(bench).await?);
        }
    }
    round.push(decode_and_admit::measure(bench).await?);
    Ok(round)
}

/// The CPU so far of this process, the hub's and the database server's.
struct Cpu {
    own: f64,
    hub: Option<f64>,
    database: Option<f64>,
}

impl Cpu {
    fn read(bench: &Bench, case: Case<'_>) -> anyhow::Result<Self> {
        let hub = case.hub.map(|(hub, _)| cpu::seconds(hub.pid()));
        let server = (case.database == Some(Kind::Postgres)).then(|| bench.postgres());
        let database = server.map(|server| cpu::seconds_of_tree(server?.pid()?));
        Ok(Self {
            own: cpu::seconds(std::process::id())?,
            hub: hub.transpose()?,
            database: database.transpose()?,
        })
    }
}

/// Times `work` and counts its CPU.
pub(crate) async fn measure(
    bench: &Bench,
    case: Case<'_>,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Measured> {
    let before = Cpu::read(bench, case)?;
    let started = Instant::now();
    work.await?;
    let seconds = started.elapsed().as_secs_f64();
    let after = Cpu::read(bench, case)?;
    let grown = |after: Option<f64>, before: Option<f64>| Some(after? - before?);
    Ok(Measured {
        case: case.name,
        database: case.database,
        settlement: case.hub.map(|(_, settlement)| settlement),
        events: bench.arguments.events,
        seconds,
        cpu_seconds: after.own - before.own,
        hub_cpu_seconds: grown(after.hub, before.hub),
        database_cpu_seconds: grown(after.database, before.database),
    })
}
