//! A PostgreSQL that goes away under nodes at work, and sessions that are cut: the nodes wait, say
//! so, and go on by themselves.

use rollcall_test_servers::Postgres;

use crate::harness::fleet::Node;
use crate::harness::ledger::Ledger;
use crate::harness::scene::Scene;
use crate::harness::wait::until;

const PARTITIONS: u32 = 8;
const NODES: [&str; 2] = ["a", "b"];
const TTL: &str = "\"5s\"";
const OUTAGES: usize = 3;
const CUTS: usize = 12;
/// Every session of every node.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE application_name LIKE 'rollcall/%' AND datname = current_database()";

async fn answers(node: &Node, code: u16) -> serde_json::Value {
    until(&format!("/readyz of {} = {code}", node.name), async || {
        let (found, body) = node.api.try_get("/readyz").await?;
        (found == code).then_some(body)
    })
    .await
}

async fn holds_so_far(scene: &Scene<'_>) {
    // The log is read second: it holds whatever was stored before.
    let tables = scene.site.database().read().await;
    Ledger::new(tables, scene.site.truth()).holds_so_far();
}

fn all_live(nodes: &mut [Node]) {
    for Node { name, process, .. } in nodes {
        assert!(process.is_alive(), "node {name} ended:\n{}", process.talk());
    }
}

#[tokio::test]
async fn nodes_wait_for_a_database_that_crashes_and_go_on_by_themselves() {
    let postgres = Postgres::start().unwrap();
    let scene = Scene::open_on(&postgres, PARTITIONS, TTL).await;
    let mut nodes = scene.nodes(NODES).await;
    scene.spread(&NODES).await;
    let fleet = scene.fleet();
    for _ in 0..OUTAGES {
        scene.progresses().await;
        postgres.stop_immediate().unwrap();
        for node in &nodes {
            let body = answers(node, 503).await;
            assert!(body.to_string().contains("since"), "{body}");
            let (code, _) = node.api.get("/livez").await;
            assert_eq!(code, 200, "a restart of the node would not help");
        }
        postgres.start_again().unwrap();
        let back = scene.now().await;
        for node in &nodes {
            answers(node, 200).await;
        }
        scene.progresses().await;
        let took = scene.now().await - back;
        eprintln!("every partition is read {took} ms after the database came back");
        holds_so_far(&scene).await;
    }
    all_live(&mut nodes);
    scene.ends(Some(fleet), nodes.into()).await;
}

#[tokio::test]
async fn sessions_that_are_cut_again_and_again_cost_a_retry_and_no_event() {
    let scene = Scene::open(PARTITIONS, TTL).await;
    let mut nodes = scene.nodes(NODES).await;
    scene.spread(&NODES).await;
    let fleet = scene.fleet();
    let mut cut = 0;
    for _ in 0..CUTS {
        scene.progresses().await;
        cut += scene.number(CUT);
    }
    eprintln!("{cut} sessions were cut");
    assert!(cut > 0, "nobody's session was cut");
    scene.progresses().await;
    all_live(&mut nodes);
    for node in &nodes {
        answers(node, 200).await;
    }
    scene.ends(Some(fleet), nodes.into()).await;
}
