//! What each way loses and has twice when every consumer is killed once: a small race.

use std::collections::BTreeMap;

use anyhow::Context as _;
use rollcall_race::{Config, DatabaseChoice, Handled, Kind, Plan, Progress, Race, RedisChoice};

use super::{Arguments, PARTITIONS};
use crate::cases::Bench;

const PLAN: Plan = Plan {
    seed: 1,
    owners: 500,
    statuses_per_owner: 6,
    partitions: PARTITIONS,
};
const CONSUMERS: u32 = 8;

/// Of 500 owners and 3,000 statuses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Losses {
    pub(crate) owners_twice: u64,
    pub(crate) announcements_lost: u64,
    pub(crate) statuses_lost: u64,
    pub(crate) statuses_twice: u64,
}

/// By the name of the way; one that cannot be run is not there.
pub(crate) async fn count(
    bench: &Bench,
    arguments: &Arguments,
    kinds: &[Kind],
) -> anyhow::Result<BTreeMap<&'static str, Losses>> {
    let program = match &arguments.rollcall {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("rollcall"),
    };
    let config = Config {
        plan: PLAN,
        consumers: CONSUMERS,
        ways: kinds.to_vec(),
        database: DatabaseChoice::Auto,
        redis: RedisChoice::Auto,
        rollcall: match program.exists() {
            true => Ok(program),
            false => Err(format!("{} is not there: build it", program.display())),
        },
    };
    let racing = bench.io.spawn(async move {
        let race = Race::open(config, &Log).await?;
        let report = race.run(&Log).await;
        race.close().await?;
        report
    });
    let report = racing.await?.context("the race under kills")?;
    for left_out in &report.left_out {
        tracing::warn!(
            way = left_out.way,
            "not run under kills: {}",
            left_out.reason
        );
    }
    let losses = report.ways.iter().map(|outcome| {
        let losses = Losses {
            owners_twice: outcome.owners_created_twice,
            announcements_lost: outcome.announcements_lost,
            statuses_lost: outcome.statuses_lost,
            statuses_twice: outcome.statuses_stored_twice,
        };
        (outcome.way, losses)
    });
    Ok(losses.collect())
}

struct Log;

impl Progress for Log {
    fn begins(&self, title: &str, _: u64, _: &Handled) {
        tracing::info!("under kills: {title}");
    }

    fn says(&self, sentence: &str) {
        tracing::info!("{sentence}");
    }
}
