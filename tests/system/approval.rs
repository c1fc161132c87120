//! Newcomers that wait for somebody's decision: their statuses are held, and go where the decision
//! wants them, whatever is in flight meanwhile.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use crate::harness::api::Api;
use crate::harness::message::status;
use crate::harness::scatter::scatter;
use crate::harness::scene::Scene;
use crate::harness::seed;
use crate::harness::site::Site;
use crate::harness::wait::until;

const PARTITIONS: u32 = 12;
const NODES: [&str; 3] = ["a", "b", "c"];
const OWNERS: usize = 40;
const WAVES: usize = 6;
/// Statuses of each owner in a wave.
const COPIES: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn approvals_in_the_midst_of_batches_on_three_nodes_leave_nothing_held() {
    let mut random = seed::random();
    let mut scene = Scene::open(PARTITIONS, "\"15s\"").await;
    scene.site.set("registry.provisioning", "\"approve\"");
    let nodes = scene.nodes(NODES).await;
    scene.spread(&NODES).await;
    let apis: Vec<Api> = nodes.iter().map(|node| node.api.clone()).collect();
    for wave in 0..WAVES {
        let bodies = (0..OWNERS * COPIES).map(|n| status(&id(n % OWNERS), "s", &n.to_string()));
        let loads = scatter(PARTITIONS, bodies, &mut random);
        // Each wave has its share of the decisions, sent to one node and to another.
        let decided = (0..OWNERS).filter(|owner| owner % WAVES == wave);
        let decisions = decided.map(|owner| approve(&apis[owner % apis.len()], id(owner)));
        tokio::join!(scene.site.send(loads), join_all(decisions));
    }
    let held = || scene.number("SELECT count(*) FROM held_statuses");
    scene.site.settled().await;
    until("nothing is held", async || (held() == 0).then_some(())).await;
    let released = join_all(
        apis.iter()
            .map(|api| api.counter("rollcall_statuses_released_total")),
    );
    let released: u64 = released.await.iter().sum();
    assert!(
        released > 0,
        "something was held until its owner's approval"
    );
    let truth = scene.ends(None, nodes.into()).await;
    assert_eq!(truth.len(), WAVES * OWNERS * COPIES);
}

/// As soon as the stream has entered the owner.
async fn approve(api: &Api, id: String) {
    let path = format!("/api/v1/owners/{id}");
    until("the owner is on the roll", async || {
        (api.get(&path).await.0 == 200).then_some(())
    })
    .await;
    let (code, owner) = api.post(&format!("{path}/approve"), &json!({})).await;
    assert_eq!((code, &owner["state"]), (200, &json!("active")), "{owner}");
}

fn id(owner: usize) -> String {
    format!("newcomer-{owner}")
}

/// Held and stored statuses of the roll as it is.
async fn rows(site: &Site) -> (usize, usize) {
    let tables = site.database().read().await;
    (tables.held.len(), tables.statuses.len())
}

#[tokio::test]
async fn what_was_decided_by_command_is_done_by_the_next_node_if_the_first_one_dies() {
    let mut site = Site::embedded(2);
    site.set("registry.provisioning", "\"approve\"");
    let mut node = site.spawn_faulty_node("store.settle_held=return");
    site.ready(&mut node).await;
    let bodies = (0..30).map(|n| status(["good", "bad", "slow"][n % 3], "s", &n.to_string()));
    let sender = site.sender().await;
    sender.send(0, bodies).await;
    sender.close().await;
    until("all are held", async || {
        (rows(&site).await == (30, 0)).then_some(())
    })
    .await;

    let refused = site.run(&["owners", "restore", "good"]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("approve it"),
        "{said}"
    );
    let said = site.answer(&["owners", "approve", "good"]).await;
    assert_eq!(said, "good is active\n");
    site.answer(&["owners", "block", "bad"]).await;
    assert_eq!(rows(&site).await, (30, 0), "this node settles nothing");
    node.kill();

    let node = site.start_node().await;
    until("what was decided is done", async || {
        (rows(&site).await == (10, 10)).then_some(())
    })
    .await;
    let tables = site.database().read().await;
    let stored: BTreeSet<_> = tables.statuses.iter().map(|row| &*row.owner_id).collect();
    assert_eq!(stored, BTreeSet::from(["good"]));
    let dropped = tables
        .partitions
        .iter()
        .filter_map(|row| row.dropped.get("blocked"));
    assert_eq!(dropped.sum::<i64>(), 10);
    site.answer(&["doctor"]).await;
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn a_file_of_owners_is_imported_and_a_faulty_line_is_named() {
    let site = Site::embedded(1);
    let node = site.start_node().await;
    let file = site.path("owners.ndjson");
    let good = "{\"owner_id\":\"1\",\"display_name\":\"Plant\"}\n\n{\"owner_id\":\"2\"}\n";
    std::fs::write(&file, good).unwrap();
    let path = file.to_str().unwrap();
    for _ in 0..2 {
        let said = site.answer(&["owners", "import", path]).await;
        assert_eq!(said, "2 owners are on the roll\n");
    }
    assert_eq!(
        site.api().get("/api/v1/owners/1").await.1["display_name"],
        "Plant"
    );
    std::fs::write(&file, "{\"owner_id\":\"3\"}\n{\"owner\":\"4\"}\n").unwrap();
    let refused = site.run(&["owners", "import", path]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("line 2"),
        "{said}"
    );
    assert!(node.terminate().await.success());
}
