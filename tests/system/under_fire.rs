//! Announcements under fire: nodes, a broker and a receiver are killed, refuse and hang while
//! newcomers stream in, and yet every creation arrives at every sink, under one id.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rollcall_test_servers::Redis;

use crate::harness::fleet::Node;
use crate::harness::message::status;
use crate::harness::port;
use crate::harness::receiver::{Arrival, Mood, Receiver, sinks, stream};
use crate::harness::scatter::scatter;
use crate::harness::scene::Scene;
use crate::harness::seed;
use crate::harness::wait::until;

const PARTITIONS: u32 = 12;
const NODES: [&str; 3] = ["a", "b", "c"];
const TTL: &str = "\"4s\"";
/// Newcomers, unless the environment names another number: 100,000 take some minutes.
const OWNERS: usize = 3_000;
const OWNERS_VARIABLE: &str = "ROLLCALL_TEST_ANNOUNCED";
/// Newcomers that are sent at once, at least …
const WAVE: usize = 250;
/// … and as many more as it takes for no more strokes than this.
const MOST_WAVES: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn every_creation_arrives_under_one_id_whoever_is_killed() {
    let mut random = seed::random();
    let owners = seed::number(OWNERS_VARIABLE).map_or(OWNERS, |owners| owners.try_into().unwrap());
    // A broker that forgot what it took would not be one.
    let durable = [
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--save",
        "",
    ];
    let redis = Redis::start_with(&durable).unwrap();
    let (receiver, port) = (Receiver::new(), port::free());
    let _listening = receiver.listen(port).await;
    let mut scene = Scene::open(PARTITIONS, TTL).await;
    scene.site.set("events.sinks", &sinks(&redis, port));
    let mut nodes: Vec<Node> = scene.nodes(NODES).await.into();
    scene.spread(&NODES).await;

    let mut kills = BTreeMap::<&str, usize>::new();
    let wave = WAVE.max(owners.div_ceil(MOST_WAVES));
    for first in (0..owners).step_by(wave) {
        let bodies = (first..owners.min(first + wave)).map(body);
        let loads = scatter(PARTITIONS, bodies, &mut random);
        let stroke = random.random_range(0..STROKES);
        let striking = strike(stroke, &scene, &mut nodes, &redis, &receiver);
        let ((), name) = tokio::join!(scene.site.send(loads), striking);
        *kills.entry(name).or_default() += 1;
    }
    eprintln!("{kills:?}");
    receiver.set(Mood::Takes);

    let due = 2 * owners;
    all_arrive("the webhook", due, || receiver.arrivals()).await;
    all_arrive("the stream", due, || stream(&redis)).await;
    all_marked(&scene).await;

    // Silence: when one more has gone the whole way, nothing but it has come meanwhile.
    let before = (receiver.arrivals().len(), stream(&redis).len());
    let last = scatter(PARTITIONS, [body(owners)], &mut random);
    scene.site.send(last).await;
    let due = due + 2;
    all_arrive("the webhook", due, || receiver.arrivals()).await;
    all_arrive("the stream", due, || stream(&redis)).await;
    all_marked(&scene).await;
    let after = (receiver.arrivals().len(), stream(&redis).len());
    assert_eq!(after, (before.0 + 2, before.1 + 2), "there is silence");

    for (sink, arrivals) in [("webhook", receiver.arrivals()), ("stream", stream(&redis))] {
        let ids = ids(&arrivals);
        assert_eq!(ids.len(), due, "{sink}: distinct subjects");
        assert!(ids.values().all(|ids| ids.len() == 1), "{sink}: an id each");
        let repeats = arrivals.len() - due;
        eprintln!("{sink}: {due} creations, {repeats} repeats");
        assert!(repeats < due / 4, "{sink}: repeats are few");
    }
    scene.ends(None, nodes).await;
}

/// As many as [`strike`] knows; half of them kill a node.
const STROKES: usize = 10;

/// One stroke while a wave is under way.
async fn strike(
    stroke: usize,
    scene: &Scene<'_>,
    nodes: &mut Vec<Node>,
    redis: &Redis,
    receiver: &Receiver,
) -> &'static str {
    match stroke {
        0 => {
            redis.kill().unwrap();
            redis.start_again().unwrap();
            "Redis killed"
        }
        1 => {
            redis.pause().unwrap();
            receiver.set(Mood::Takes);
            receiver.gets_more().await;
            redis.resume().unwrap();
            "Redis paused"
        }
        2 => {
            receiver.set(Mood::Refuses);
            "receiver refuses"
        }
        3 => {
            receiver.set(Mood::Throttles);
            "receiver throttles"
        }
        4 => {
            receiver.set(Mood::Hangs);
            receiver.gets_more().await;
            receiver.set(Mood::Takes);
            "receiver hangs"
        }
        _ => {
            receiver.set(Mood::Takes);
            let node = nodes.remove(0);
            let name = node.name.clone();
            node.process.kill();
            nodes.push(scene.node(&name).await);
            "node killed"
        }
    }
}

fn ids(arrivals: &[Arrival]) -> BTreeMap<(&str, &str), BTreeSet<&str>> {
    let mut ids = BTreeMap::<_, BTreeSet<_>>::new();
    for (kind, subject, id) in arrivals {
        let subject = (kind.as_str(), subject.as_str());
        ids.entry(subject).or_default().insert(id.as_str());
    }
    ids
}

fn distinct(arrivals: &[Arrival]) -> usize {
    ids(arrivals).len()
}

/// A status of the owner's one sub-owner.
fn body(owner: usize) -> Vec<u8> {
    status(&format!("announced-{owner}"), "meter", "1")
}

/// A long run takes its time, as long as it goes on.
async fn all_arrive(place: &str, due: usize, arrivals: impl Fn() -> Vec<Arrival>) {
    let mut seen = distinct(&arrivals());
    while seen < due {
        seen = until(&format!("one more arrives at {place}"), async || {
            Some(distinct(&arrivals())).filter(|found| *found > seen)
        })
        .await;
    }
}

async fn all_marked(scene: &Scene<'_>) {
    let left = || scene.number("SELECT count(*) FROM outbox_deliveries WHERE state <> 'sent'");
    let mut waiting = left();
    while waiting > 0 {
        waiting = until("one more delivery is marked", async || {
            Some(left()).filter(|found| *found < waiting)
        })
        .await;
    }
}
