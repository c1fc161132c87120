//! `rollcall simulate`: a fleet that sends into the hub, with a ledger of what it sent.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use rollcall_model::{Clock, SystemClock};

use super::Context;
use crate::failure::Failure;
use crate::fleet::{Counts, Drive, Fleet, Ledger, Plan, record};
use crate::sending::{Destination, Doubt, Patience, connect};
use crate::settings::{duration_text, parse_duration};
use crate::shutdown::Shutdown;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many owners
    #[arg(long, default_value_t = 200, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    owners: u32,
    /// How many sub-owners each of them has
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=4_000))]
    sub_owners: u32,
    /// Between two statuses of one sub-owner
    #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = duration)]
    interval: Duration,
    /// Statuses per second of the whole fleet, instead of --interval
    #[arg(long, value_name = "COUNT", conflicts_with = "interval", value_parser = rate)]
    rate: Option<f64>,
    /// When to stop; otherwise at Ctrl-C
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    duration: Option<Duration>,
    /// Stop after so many events
    #[arg(long, value_name = "COUNT")]
    events: Option<u64>,
    /// The same seed gives the same events on the same partitions
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Share of events that are no statuses, 0 to 0.9
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    malformed: f64,
    /// Share of statuses that are sent twice, 0 to 0.9
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = share)]
    duplicates: f64,
    /// NDJSON of every event that was sent and whether it was acknowledged
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    #[command(flatten)]
    destination: Destination,
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("write a duration such as 500ms, 3s or 2h".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 10_000_000.0 => Ok(rate),
        _ => Err("write a number above 0, such as 5000".to_owned()),
    }
}

/// Not more than 0.9: statuses must get a turn.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=0.9).contains(&share) => Ok(share),
        _ => Err("write a share from 0 to 0.9, such as 0.01".to_owned()),
    }
}

impl Arguments {
    fn fleet(&self) -> Fleet {
        let sub_owners = f64::from(self.owners) * f64::from(self.sub_owners);
        let round = |rate: f64| Duration::from_secs_f64(sub_owners / rate);
        Fleet {
            owners: self.owners,
            sub_owners: self.sub_owners,
            interval: self.rate.map_or(self.interval, round),
            seed: self.seed,
            malformed: self.malformed,
            duplicates: self.duplicates,
        }
    }
}

pub(crate) async fn simulate(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let Context {
        global,
        environment,
        talk,
    } = context;
    let settings = arguments.destination.settings(global, environment)?;
    let ledger = arguments.ledger.as_ref().map(|path| {
        Ledger::create(path).with_context(|| format!("cannot create {}", path.display()))
    });
    let ledger = ledger.transpose()?;
    let shutdown = Shutdown::listen()?;
    // In doubt an event is left: the ledger says so, and the hub has it once or not at all.
    let patience = Patience {
        doubt: Doubt::Leave,
        give_up_after: None,
    };
    let (dispatcher, reports) = connect(settings.source, patience).await?;
    let counts = Arc::new(Counts::default());
    let ids = dispatcher.partitions().to_vec();
    let plan = Plan::new(arguments.fleet(), ids.len(), SystemClock.now());
    let recording = tokio::spawn(record(reports, ids, Arc::clone(&counts), ledger));
    let drive = Drive {
        duration: arguments.duration,
        events: arguments.events,
    };
    let began = tokio::time::Instant::now();
    let driving = async { Ok(drive.run(plan, dispatcher, shutdown.clone()).await) };
    shutdown.or_insisted(driving).await?;
    let recorded = recording.await.map_err(anyhow::Error::from)?;
    talk.say(&summary(&counts, began.elapsed()));
    recorded.context("cannot write the ledger")?;
    Ok(())
}

fn summary(counts: &Counts, elapsed: Duration) -> String {
    let elapsed = duration_text(Duration::from_millis(
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    ));
    let (acknowledged, refused, unknown) =
        (counts.acknowledged(), counts.refused(), counts.unknown());
    format!("{acknowledged} events acknowledged, {refused} refused, {unknown} unknown in {elapsed}")
}
