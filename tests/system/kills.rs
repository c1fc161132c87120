//! `kill -9` of the node and of the hub, at points that a seed draws by progress, not by time.
//!
//! A killed process leaves its writes to the system, so this proves the order of writes and the
//! recovery, not the disk's `fsync`.

use rand::Rng;

use crate::harness::acknowledged;
use crate::harness::ledger::Ledger;
use crate::harness::seed;
use crate::harness::site::Site;
use crate::harness::wait::until;

const BACKLOG: i64 = 60_000;
const KILLS: i64 = 10;
const SENT: i64 = 40_000;
/// Each may cost the official client 20 s, its limit for an answer.
const HUB_KILLS: i64 = 3;

#[tokio::test]
async fn a_node_that_is_killed_again_and_again_stores_every_event_once() {
    let mut random = seed::random();
    let mut site = Site::apart(8);
    // Small transactions: many of them for a kill to fall into.
    site.set("pipeline.batch_max_events", "200");
    let hub = site.start_hub().await;
    simulate(&site, random.random()).await;
    let truth = site.truth();
    assert_eq!(i64::try_from(truth.len()).unwrap(), BACKLOG);

    let mut stored = 0;
    for _ in 0..KILLS {
        // Half of the backlog is for what gets in between our look and the kill.
        let enough = stored + random.random_range(1..BACKLOG / (2 * KILLS));
        let node = site.spawn_node();
        stored = until("more statuses are stored", async || {
            let stored = site.database().stored().await;
            (stored >= enough).then_some(stored)
        })
        .await;
        node.kill();
        Ledger::new(site.database().read().await, truth.clone()).holds_so_far();
    }
    assert!(
        stored < BACKLOG,
        "the node was done before it was killed for the last time"
    );

    let node = site.start_node().await;
    site.holds_at_the_end().await;
    assert!(node.terminate().await.success());
    assert!(hub.terminate().await.success());
}

/// A fleet with a backlog's worth of events, some malformed, some twice.
async fn simulate(site: &Site, seed: u32) {
    let (events, seed) = (BACKLOG.to_string(), seed.to_string());
    let fleet = [
        "simulate",
        "--owners",
        "500",
        "--sub-owners",
        "4",
        "--rate",
        "1000000",
    ];
    let flaws = ["--malformed", "0.01", "--duplicates", "0.02"];
    let bounds = ["--events", &events, "--seed", &seed];
    site.answer(&[&fleet[..], &flaws, &bounds].concat()).await;
}

#[tokio::test]
async fn a_hub_that_is_killed_has_every_event_that_it_acknowledged() {
    let mut random = seed::random();
    let mut site = Site::apart(4);
    site.set("pipeline.batch_max_events", "500");
    let mut hub = site.start_hub().await;
    let node = site.start_node().await;
    let ledger = site.path("sent.ndjson");
    let (events, seed) = (SENT.to_string(), random.random::<u32>().to_string());
    let file = ledger.display().to_string();
    let fleet = [
        "simulate",
        "--owners",
        "300",
        "--sub-owners",
        "2",
        "--rate",
        "8000",
    ];
    let bounds = ["--events", &events, "--seed", &seed, "--ledger", &file];
    let mut simulate = site.spawn("simulate", site.command(&[&fleet[..], &bounds].concat()));

    for round in 1..=HUB_KILLS {
        let share = SENT / (2 * HUB_KILLS);
        let enough = share * round + random.random_range(0..share);
        until("more statuses are stored", async || {
            (site.database().stored().await >= enough).then_some(())
        })
        .await;
        hub.kill();
        hub = site.start_hub().await;
    }
    assert!(simulate.ended().await.success());

    let truth = site.holds_at_the_end().await;
    let logged = truth
        .events
        .iter()
        .map(|(place, event)| (place.0, &*event.body));
    let acknowledged = acknowledged::is_logged(&ledger, logged);
    assert!(acknowledged > truth.len() / 2);
    assert!(node.terminate().await.success());
    assert!(hub.terminate().await.success());
}
