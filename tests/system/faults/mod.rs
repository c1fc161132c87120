//! Faults by the thousand: nodes, hub, database, Redis, receiver and every connection between them
//! fail together, while people change what they can, and at the end of each round every event of the
//! log is in exactly one place.
//!
//! ```text
//! schedule (seed) ─▶ strikes ─▶ world: units (nodes), servers, links, hands
//!                                  │ at rest, after each round
//!                                  ▼
//!                                audit: log ⟷ tables ⟷ sinks, fleet's ledger ⊆ log
//! ```
//!
//! The schedule is drawn before anything runs, so a seed gives the same faults in the same order
//! again; what they meet is up to the processes. A failure prints the seed, the round's schedule and
//! what the processes said last. `tests/README.md` says how to run it for hours.

mod audit;
mod hands;
mod schedule;
mod strikes;
mod unit;
mod world;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::join_all;
use tokio::time::Instant;

use self::audit::{Added, Audit};
use self::schedule::{LANES, steps};
use self::world::{PARTITIONS, World};
use crate::harness::running::Running;
use crate::harness::seed;
use crate::harness::wait::until;

/// The environment may name other sizes.
const ROUNDS: u64 = 2;
const ROUNDS_VARIABLE: &str = "ROLLCALL_TEST_FAULT_ROUNDS";
/// Events that the fleet sends in a round …
const EVENTS: u64 = 16_000;
const EVENTS_VARIABLE: &str = "ROLLCALL_TEST_FAULT_EVENTS";
/// … and how many a second.
const RATE: u64 = 4_000;
const RATE_VARIABLE: &str = "ROLLCALL_TEST_FAULT_RATE";
/// Faults of each lane in a round.
const FAULTS: u64 = 5;
const FAULTS_VARIABLE: &str = "ROLLCALL_TEST_FAULTS_A_LANE";
/// Owners of the first round, and newcomers of each later one.
const OWNERS: u32 = 300;
const SUB_OWNERS: u32 = 3;

/// How large a run is.
struct Size {
    seed: u64,
    rounds: u64,
    events: u64,
    rate: u64,
    faults: usize,
}

impl Size {
    fn of_environment() -> Self {
        let number = |variable, default| seed::number(variable).unwrap_or(default);
        Self {
            seed: seed::drawn(),
            rounds: number(ROUNDS_VARIABLE, ROUNDS),
            events: number(EVENTS_VARIABLE, EVENTS),
            rate: number(RATE_VARIABLE, RATE),
            faults: number(FAULTS_VARIABLE, FAULTS).try_into().unwrap(),
        }
    }

    /// Events between two faults of a lane, so that they last as long as the round's events.
    fn pace(&self) -> u64 {
        self.events / (self.faults as u64 + 1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_every_event_is_in_one_place_and_every_owner_is_announced_once() {
    let size = Size::of_environment();
    let world = Arc::new(World::open().await);
    world.begin().await;
    let mut audit = Audit::new(PARTITIONS);
    let mut all = Added::default();
    let began = Instant::now();
    for round in 0..size.rounds {
        let added = Box::pin(one_round(&world, &size, round, &mut audit)).await;
        eprintln!("round {round}: {added:?}");
        all = all.and(&added);
    }
    report(&world, &all, began).await;
}

async fn one_round(world: &Arc<World>, size: &Size, round: u64, audit: &mut Audit) -> Added {
    let lanes = LANES.map(|lane| steps(size.seed, round, lane, size.faults, size.pace()));
    for (lane, steps) in LANES.iter().zip(&lanes) {
        let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
        eprintln!("round {round}, {lane:?}:\n  {}", steps.join("\n  "));
    }
    let ledger = world.site.path("sent.ndjson");
    let mut fleet = fleet(world, size, round, &ledger);
    let striking = lanes.map(|steps| strikes::strike_all(world, steps));
    let course = async {
        join_all(striking).await;
        world.heal().await;
        fleet_ends(&mut fleet, &ledger).await;
        world.comes_to_rest().await;
    };
    tokio::select! {
        never = world.watch() => match never {},
        never = world.decide() => match never {},
        () = course => {}
    }
    for unit in &world.units {
        let findings = unit.findings().await;
        assert!(findings.is_empty(), "{findings}");
    }
    audit.round(world, &ledger).await
}

/// Sends a round's events through a link of its own, and keeps a ledger of what was acknowledged.
fn fleet(world: &World, size: &Size, round: u64, ledger: &Path) -> Running {
    let owners = OWNERS * (u32::try_from(round).unwrap() + 1);
    world.hands.owners.store(owners, Ordering::Relaxed);
    let endpoint = format!("amqp://127.0.0.1:{}", world.fleet.port());
    let options = [
        (
            "--set",
            format!("source.event_hubs.custom_endpoint={endpoint}"),
        ),
        ("--owners", owners.to_string()),
        ("--sub-owners", SUB_OWNERS.to_string()),
        ("--rate", size.rate.to_string()),
        ("--events", size.events.to_string()),
        ("--seed", (size.seed + round).to_string()),
        ("--malformed", "0.005".to_owned()),
        ("--duplicates", "0.02".to_owned()),
        ("--ledger", ledger.display().to_string()),
    ];
    let mut command = world.site.command(&["simulate"]);
    for (name, value) in &options {
        command.args([name, value.as_str()]);
    }
    world.site.spawn("simulate", command)
}

/// Waits for the fleet's end, as long as the ledger grows.
async fn fleet_ends(fleet: &mut Running, ledger: &Path) {
    let mut written = 0;
    let status = loop {
        let grown = until("the fleet goes on to its end", async || {
            let now = std::fs::metadata(ledger).map_or(0, |file| file.len());
            (fleet.exit().is_some() || now > written).then_some(now)
        });
        written = grown.await;
        if let Some(status) = fleet.exit() {
            break status;
        }
    };
    assert!(status.success(), "the fleet: {}", fleet.talk());
}

async fn report(world: &World, all: &Added, began: Instant) {
    let struck = world.struck.lock().unwrap().clone();
    let faults: usize = struck.values().map(|struck| struck.times).sum();
    let Added {
        acknowledged,
        logged,
        stored,
        dead,
        dropped,
        owners,
        announced,
    } = all;
    eprintln!(
        "{faults} faults in {} s: {acknowledged} events acknowledged, {logged} in the log, {stored} \
         stored, {dead} dead letters, {dropped} dropped; {owners} owners, {announced} events of the \
         outbox at every sink",
        began.elapsed().as_secs()
    );
    for (name, struck) in &struck {
        eprintln!("  {name}: {struck:?}");
    }
    for unit in &world.units {
        eprintln!("  a node was started {} times", unit.starts().await);
    }
}
