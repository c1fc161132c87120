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
use crate::harness::seed;
use crate::harness::site::Site;

const PARTITIONS: u32 = 32;
const OWNERS: usize = 10_000;
/// Messages of each owner, on partitions that are drawn for each of them.
const COPIES: usize = 4;
/// Every 200th owner is also created by hand, by several callers.
const BY_HAND_EVERY: usize = 200;
const CALLERS: usize = 4;

#[tokio::test]
async fn each_newcomer_of_a_storm_is_entered_once_by_one_actor() {
    storm(1).await;
}

#[tokio::test]
async fn each_newcomer_of_a_storm_is_entered_once_by_sixteen_actors() {
    storm(16).await;
}

async fn storm(shards: usize) {
    let mut random = seed::random();
    let mut site = Site::embedded(PARTITIONS);
    site.set("registry.owner_shards", &shards.to_string());
    let node = site.start_node().await;
    let by_hand: Vec<_> = (0..OWNERS).step_by(BY_HAND_EVERY).map(id).collect();

    let sending = site.send(scatter(PARTITIONS, bodies(), &mut random));
    let api = site.api();
    let (_, answers) = futures::join!(sending, create_all(&api, &by_hand, &mut random));

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

/// Asks for every owner several times at once; the ids that were answered with 201.
async fn create_all(api: &Api, ids: &[String], random: &mut ChaCha8Rng) -> BTreeMap<String, usize> {
    let mut requests: Vec<_> = ids.iter().cycle().take(ids.len() * CALLERS).collect();
    requests.shuffle(random);
    let answers = join_all(requests.into_iter().map(async |id| {
        let (code, body) = api.post("/api/v1/owners", &json!({"owner_id": id})).await;
        assert!(code == 200 || code == 201, "{code}: {body}");
        assert_eq!(body["owner_id"], **id);
        (id.clone(), code)
    }));
    let mut created = BTreeMap::new();
    for (id, code) in answers.await {
        if code == 201 {
            *created.entry(id).or_default() += 1;
        }
    }
    let twice: Vec<_> = created.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "created more than once: {twice:?}");
    created
}
