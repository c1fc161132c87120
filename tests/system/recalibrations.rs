//! Recalibrations beside reading, with nodes that are killed.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::api::Api;
use crate::harness::fleet::Node;
use crate::harness::message::status;
use crate::harness::scatter::scatter;
use crate::harness::scene::Scene;
use crate::harness::seed;
use crate::harness::wait::until;

const PARTITIONS: u32 = 4;
const STATUSES: u64 = 15_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_outlives_the_node_that_works_on_it_and_gives_every_status_its_value() {
    let mut random = seed::random();
    let scene = Scene::open(PARTITIONS, "\"4s\"").await;
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for name in ["a", "b"] {
        nodes.insert(name.to_owned(), scene.node(name).await);
    }
    let bodies = (0..STATUSES).map(|number| status("1", "s", &number.to_string()));
    let loads = scatter(PARTITIONS, bodies, &mut random);
    scene.site.send(loads).await;
    scene.site.settled().await;

    let api = nodes["a"].api.clone();
    let patch = json!({"settings": {"gain": 2.0}});
    assert_eq!(api.patch("/api/v1/owners/1", &patch).await.0, 200);
    let (code, job) = api
        .post("/api/v1/owners/1/recalibrations", &json!({}))
        .await;
    assert_eq!((code, &job["statuses"]), (201, &STATUSES.into()), "{job}");
    let path = format!("/api/v1/recalibrations/{}", job["job_id"].as_str().unwrap());

    // Whoever works on it is killed in the midst, and the other one goes on.
    let worker = until("a node works on it", async || {
        let job = api.get(&path).await.1;
        let began = job["statuses_done"].as_u64()? > 0;
        job["node"].as_str().filter(|_| began).map(str::to_owned)
    })
    .await;
    nodes.remove(&worker).unwrap().process.kill();
    let heir: &Api = &nodes.values().next().unwrap().api;
    let job = heir.get(&path).await.1;
    assert_eq!(job["state"], "running", "it was killed too late");
    until("the job is done", async || {
        let job = heir.get(&path).await.1;
        (job["state"] == "done").then_some(())
    })
    .await;
    let job = heir.get(&path).await.1;
    assert_eq!(job["statuses_done"], STATUSES, "{job}");
    assert_ne!(job["node"], worker.as_str());
    for table in ["statuses", "latest_statuses"] {
        let wrong = scene.number(&format!(
            "SELECT count(*) FROM {table} WHERE version <> 2 OR value <> 2 * data::float8"
        ));
        assert_eq!(wrong, 0, "{table}");
    }
    scene.site.answer(&["doctor"]).await;
    scene.ends(None, nodes.into_values().collect()).await;
}
