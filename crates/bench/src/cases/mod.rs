//! The cases of a run.

mod decode_and_admit;
mod receive_and_drop;
mod store_alone;
mod whole_path;

use std::path::PathBuf;
use std::time::Instant;

use tokio::runtime;

use crate::hub_process::HubProcess;
use crate::report::Measured;
use crate::{Arguments, cpu, load};

/// What all cases share.
pub(crate) struct Bench {
    pub(crate) arguments: Arguments,
    pub(crate) io: runtime::Handle,
    pub(crate) dir: PathBuf,
}

/// Every case with its rounds.
pub(crate) async fn run_all(bench: &Bench) -> anyhow::Result<Vec<Vec<Measured>>> {
    let log = bench.dir.join("hub");
    {
        let hub = HubProcess::start(&bench.arguments, &log, false)?;
        load::fill(&bench.arguments, &hub.source(&bench.arguments)).await?;
    }
    let mut results = Vec::new();
    for (presettle, settlement) in [(false, "unsettled"), (true, "pre-settled")] {
        let hub = HubProcess::start(&bench.arguments, &log, presettle)?;
        let (mut dropped, mut whole) = (Vec::new(), Vec::new());
        // In turn, so that a noisy minute hits both.
        for round in 0..bench.arguments.rounds {
            tracing::info!(round, settlement, "measuring with the hub");
            dropped.push(receive_and_drop::measure(bench, &hub, settlement).await?);
            whole.push(whole_path::measure(bench, &hub, settlement).await?);
        }
        results.extend([dropped, whole]);
    }
    let (mut stored, mut admitted) = (Vec::new(), Vec::new());
    for _ in 0..bench.arguments.rounds {
        stored.push(store_alone::measure(bench).await?);
        admitted.push(decode_and_admit::measure(bench).await?);
    }
    results.extend([stored, admitted]);
    Ok(results)
}

/// Times `work` and counts its CPU.
pub(crate) async fn measure(
    bench: &Bench,
    case: &'static str,
    hub: Option<(&HubProcess, &'static str)>,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Measured> {
    let hub_cpu = || hub.map(|(hub, _)| cpu::seconds(hub.pid())).transpose();
    let (before, hub_before) = (cpu::seconds(std::process::id())?, hub_cpu()?);
    let started = Instant::now();
    work.await?;
    let seconds = started.elapsed().as_secs_f64();
    let (after, hub_after) = (cpu::seconds(std::process::id())?, hub_cpu()?);
    Ok(Measured {
        case,
        settlement: hub.map_or("–", |(_, settlement)| settlement),
        events: bench.arguments.events,
        seconds,
        cpu_seconds: after - before,
        hub_cpu_seconds: hub_after
            .zip(hub_before)
            .map(|(after, before)| after - before),
    })
}
