//! The same thousands of newcomers met by several nodes at the same moment: the database's unique
//! key decides who enters whom, and nothing waits in a circle.

use crate::harness::fleet::Node;
use crate::harness::message::status;
use crate::harness::scatter::scatter;
use crate::harness::scene::{NEVER, Scene};
use crate::harness::seed;

const PARTITIONS: u32 = 24;
const NODES: [&str; 3] = ["a", "b", "c"];
const OWNERS: usize = 10_000;
/// Messages of each owner, on partitions that are drawn for each of them.
const COPIES: usize = 6;
const SUB_OWNERS: usize = 2;
/// Owners and sub-owners: each is won by exactly one process.
const NEWCOMERS: usize = OWNERS * (1 + SUB_OWNERS);
const RACES: &str = "rollcall_store_newcomers_total";

#[tokio::test]
async fn newcomers_that_several_nodes_meet_at_once_are_entered_once_each() {
    let mut random = seed::random();
    let scene = Scene::open(PARTITIONS, NEVER).await;
    let nodes = scene.nodes(NODES).await;
    scene.spread(&NODES).await;
    // All nodes come to the whole of it at the same moment.
    nodes.iter().for_each(Node::pause);
    let loads = scatter(PARTITIONS, bodies(), &mut random);
    scene.site.send(loads).await;
    nodes.iter().for_each(Node::wake);

    let truth = scene.site.settled().await;
    assert_eq!(truth.len(), OWNERS * COPIES);
    let tables = scene.site.database().read().await;
    assert_eq!(tables.owners.len(), OWNERS);
    assert_eq!(tables.sub_owners.len(), OWNERS * SUB_OWNERS);
    assert_eq!(tables.announced.len(), NEWCOMERS, "one created event each");

    let (mut won, mut lost) = (0, 0);
    for Node { name, api, process } in &nodes {
        let of = async |outcome| api.sample(RACES, &format!("outcome=\"{outcome}\"")).await;
        let (own, others) = (of("won").await, of("lost").await);
        eprintln!("{name} entered {own} newcomers and lost {others} races");
        assert!(own > 0, "node {name} has taken part");
        (won, lost) = (won + own, lost + others);
        // How slow a machine is says nothing of the nodes.
        let wrong = |line: &String| !line.contains("exceeded");
        let faults: Vec<_> = process.faults().into_iter().filter(wrong).collect();
        assert!(faults.is_empty(), "node {name} says {faults:?}");
    }
    assert_eq!(won, NEWCOMERS as u64, "each newcomer is won once");
    assert!(lost > 0, "no newcomer was met by two nodes at once");
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(scene.number(deadlocks), 0);
    scene.ends(None, nodes.into()).await;
}

fn id(number: usize) -> String {
    format!("newcomer {number:05}")
}

fn bodies() -> impl Iterator<Item = Vec<u8>> {
    (0..OWNERS).flat_map(|number| {
        let body = move |copy: usize| {
            let (sub_owner, data) = ((copy % SUB_OWNERS).to_string(), copy.to_string());
            status(&id(number), &sub_owner, &data)
        };
        (0..COPIES).map(body)
    })
}
