//! Claims in Redis are a hint: whatever becomes of Redis meanwhile, each newcomer is one row and is
//! announced once, and a Redis that comes back is used again.

use std::time::Duration;

use rollcall_test_servers::Redis;

use crate::harness::fleet::Node;
use crate::harness::message::status;
use crate::harness::scatter::scatter;
use crate::harness::scene::{NEVER, Scene};
use crate::harness::seed;
use crate::harness::wait::until;

const PARTITIONS: u32 = 8;
const NODES: [&str; 2] = ["a", "b"];
/// Newcomers of one wave, each on as many partitions as it has copies.
const WAVE: usize = 1_500;
const COPIES: usize = 3;
/// What the claims promise: they are in use again so long after Redis is back.
const RETURN: Duration = Duration::from_secs(10);

/// What happens to Redis in the middle of a wave.
type Mischief = fn(&Redis);

const MISCHIEFS: [(&str, Mischief); 4] = [
    ("flushed", |redis| {
        for _ in 0..20 {
            redis.command(&["FLUSHALL"]).unwrap();
        }
    }),
    ("cut off", |redis| {
        for _ in 0..20 {
            redis
                .command(&["CLIENT", "KILL", "TYPE", "normal"])
                .unwrap();
        }
    }),
    ("slow", |redis| {
        redis.command(&["DEBUG", "SLEEP", "2"]).unwrap();
    }),
    ("shut down", |redis| {
        // It ends before it answers.
        redis.command(&["SHUTDOWN", "NOSAVE"]).ok();
        redis.start_again().unwrap();
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_are_entered_once_whatever_becomes_of_redis() {
    let mut random = seed::random();
    let debug = ["--save", "", "--enable-debug-command", "yes"];
    let redis = Redis::start_with(&debug).unwrap();
    let mut scene = Scene::open(PARTITIONS, NEVER).await;
    scene.site.set("registry.claims", "\"redis\"");
    scene
        .site
        .set("registry.redis_url", &format!("{:?}", redis.url()));
    let nodes = scene.nodes(NODES).await;
    scene.spread(&NODES).await;
    claims_are_in_use(&nodes).await;

    for (wave, (name, mischief)) in MISCHIEFS.into_iter().enumerate() {
        eprintln!("Redis is {name}");
        nodes.iter().for_each(Node::pause);
        let loads = scatter(PARTITIONS, bodies(wave), &mut random);
        scene.site.send(loads).await;
        nodes.iter().for_each(Node::wake);
        // The nodes work through the wave meanwhile.
        tokio::task::block_in_place(|| mischief(&redis));
        scene.site.settled().await;
        let back = tokio::time::timeout(RETURN, claims_are_in_use(&nodes)).await;
        back.expect("the claims are in use again in time");
    }
    // A wave that nothing disturbs: nodes heed each other's claims and leave what others may read.
    let busy_before = claims(&nodes, "busy").await + claims(&nodes, "known").await;
    nodes.iter().for_each(Node::pause);
    let loads = scatter(PARTITIONS, bodies(MISCHIEFS.len()), &mut random);
    scene.site.send(loads).await;
    nodes.iter().for_each(Node::wake);
    scene.site.settled().await;
    entries_are_there(&redis).await;
    let busy = claims(&nodes, "busy").await + claims(&nodes, "known").await;
    assert!(busy > busy_before, "no node met another's claim");
    assert!(claims(&nodes, "none").await > 0, "nobody missed Redis");

    let newcomers = WAVE * (MISCHIEFS.len() + 1);
    let tables = scene.site.database().read().await;
    assert_eq!(tables.owners.len(), newcomers);
    assert_eq!(
        tables.announced.len(),
        2 * newcomers,
        "one created event each"
    );
    scene.ends(None, nodes.into()).await;
}

/// Newcomers for which Redis gave the nodes this answer.
async fn claims(nodes: &[Node], answer: &str) -> u64 {
    let mut sum = 0;
    for node in nodes {
        let label = format!("answer=\"{answer}\"");
        sum += node.api.sample("rollcall_claims_total", &label).await;
    }
    sum
}

async fn claims_are_in_use(nodes: &[Node]) {
    for node in nodes {
        until("the claims are in use", async || {
            let available = node.api.sample("rollcall_claims_available", "").await;
            (available == 1).then_some(())
        })
        .await;
    }
}

/// Of the last wave; they are written after the commit, which nobody waits for.
async fn entries_are_there(redis: &Redis) {
    for number in 0..WAVE {
        let key = format!("rollcall:owner:{}-{number}", MISCHIEFS.len());
        let entry = until("the entry is written", async || {
            let entry = redis.command(&["GET", &key]).unwrap();
            (!entry.is_empty()).then_some(entry)
        })
        .await;
        assert_eq!(entry, r#"{"state":"active","version":1}"#);
    }
}

fn bodies(wave: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..WAVE).flat_map(move |number| {
        let body =
            move |copy: usize| status(&format!("{wave}-{number}"), "meter", &copy.to_string());
        (0..COPIES).map(body)
    })
}
