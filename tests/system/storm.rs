//! Thousands of newcomers on all partitions at once, some of them by hand at the same moment.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::harness::api::Api;
use crate::harness::ledger::Ledger;
use crate::harness::message::status;
use crate::harness::scatter::scatter;
use crate::harness::scene::{NEVER, Scene};
use crate::harness::seed;
use crate::harness::site::Site;

const PARTITIONS: u32 = 32;
const OWNERS: usize = 10_000;
/// Messages of each owner, on partitions that are drawn for each of them.
const COPIES: usize = 4;
/// Every 200th owner is also created by hand, by several callers.
const BY_HAND_EVERY: usize = 200;
const CALLERS: usize = 4;

/// Of the race between people and the stream: each id comes on every partition of three nodes.
const RACED: usize = 200;
const RACED_CALLERS: usize = 20;
const RACED_PARTITIONS: u32 = 12;
/// Requests that are under way at a time: those of ten ids.
const AT_ONCE: usize = 10 * RACED_CALLERS;

#[tokio::test]
async fn each_newcomer_of_a_storm_is_entered_once_by_one_actor() {
    storm(1).await;
}

#[tokio::test]
async fn each_newcomer_of_a_storm_is_entered_once_by_sixteen_actors() {
    storm(16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_twenty_callers_create_while_the_stream_brings_them_everywhere_are_entered_once() {
    let mut random = seed::random();
    let scene = Scene::open(RACED_PARTITIONS, NEVER).await;
    let names = ["a", "b", "c"];
    let nodes = scene.nodes(names).await;
    scene.spread(&names).await;
    let ids: Vec<_> = (0..RACED).map(id).collect();
    let everywhere = (0..RACED_PARTITIONS).map(|_| {
        let mut bodies: Vec<_> = ids.iter().map(|id| status(id, "0", "1")).collect();
        bodies.shuffle(&mut random);
        bodies
    });
    let loads = everywhere.collect();
    let apis = nodes.each_ref().map(|node| node.api.clone());

    let sending = scene.site.send(loads);
    let (_, answers) = futures::join!(sending, create_all(&apis, &ids, RACED_CALLERS, &mut random));

    scene.site.settled().await;
    let tables = scene.site.database().read().await;
    assert_eq!(tables.owners.len(), RACED, "one row each");
    let created = scene.psql(
        "SELECT count(*) || ' of ' || count(DISTINCT owner_id) FROM outbox_events
         WHERE type = 'rollcall.owner.created'",
    );
    assert_eq!(created, format!("{RACED} of {RACED}"), "one event each");
    let by_api = scene.psql("SELECT count(*) FROM owners WHERE created_by = 'api'");
    let told = answers.len();
    assert_eq!(told.to_string(), by_api, "201 is for whose request it was");
    eprintln!("the stream came first for {} of {RACED} ids", RACED - told);
    scene.ends(None, nodes.into()).await;
}

async fn storm(shards: usize) {
    let mut random = seed::random();
    let mut site = Site::embedded(PARTITIONS);
    site.set("registry.owner_shards", &shards.to_string());
    let node = site.start_node().await;
    let by_hand: Vec<_> = (0..OWNERS).step_by(BY_HAND_EVERY).map(id).collect();

    let sending = site.send(scatter(PARTITIONS, bodies(), &mut random));
    let apis = [site.api()];
    let (_, answers) = futures::join!(sending, create_all(&apis, &by_hand, CALLERS, &mut random));

    let truth = site.settled().await;
    assert_eq!(truth.len(), OWNERS * COPIES);
    let tables = site.database().read().await;
    assert_eq!(tables.owners.len(), OWNERS);
    assert_eq!(tables.statuses.len(), OWNERS * COPIES);
    let made_by_api: BTreeSet<_> = tables
        .owners
        .iter()
        .filter(|(_, created_by)| *created_by == "api")
        .map(|(owner_id, _)| owner_id.clone())
        .collect();
    let told: BTreeSet<_> = answers.into_keys().collect();
    assert_eq!(
        made_by_api, told,
        "201 is for whose request created the owner"
    );
    Ledger::new(tables, truth)
        .by_hand(by_hand)
        .holds_at_the_end();
    assert!(node.terminate().await.success());
}

fn id(number: usize) -> String {
    format!("newcomer {number:05}")
}

fn bodies() -> impl Iterator<Item = Vec<u8>> {
    (0..OWNERS).flat_map(|number| {
        let body = move |copy: usize| {
            let (sub_owner, data) = ((copy % 2).to_string(), copy.to_string());
            status(&id(number), &sub_owner, &data)
        };
        (0..COPIES).map(body)
    })
}

/// Asks for every owner several times at once, one node after the other; the ids that were answered
/// with 201.
async fn create_all(
    apis: &[Api],
    ids: &[String],
    callers: usize,
    random: &mut ChaCha8Rng,
) -> BTreeMap<String, usize> {
    let mut created = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE / callers) {
        let mut requests: Vec<_> = ids.iter().cycle().take(ids.len() * callers).collect();
        requests.shuffle(random);
        let requests = requests.into_iter().zip(apis.iter().cycle());
        let answers = join_all(requests.map(async |(id, api)| {
            let (code, body) = api.post("/api/v1/owners", &json!({"owner_id": id})).await;
            assert!(code == 200 || code == 201, "{code}: {body}");
            assert_eq!(body["owner_id"], **id);
            (id.clone(), code)
        }));
        for (id, code) in answers.await {
            if code == 201 {
                *created.entry(id).or_default() += 1;
            }
        }
    }
    let twice: Vec<_> = created.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "created more than once: {twice:?}");
    created
}
