//! Several nodes on one PostgreSQL and one hub: who reads what, whatever becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_test_servers::{Database, Postgres};

use crate::harness::fleet::Node;
use crate::harness::message::status;
use crate::harness::running::Running;
use crate::harness::site::Site;
use crate::harness::wait::until;

const PARTITIONS: u32 = 32;
const TTL_SECONDS: i64 = 5;
/// No test waits so long: whatever happens with it happens without an expiry.
const NEVER: &str = "\"1h\"";
/// Events a second of a fleet that sends while nodes come and go.
const RATE: &str = "400";

/// A partition's lease.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lease {
    node: String,
    epoch: i64,
}

struct Scene {
    site: Site,
    hub: Running,
    _database: Database<'static>,
}

impl Scene {
    async fn open(partitions: u32, ttl: &str) -> Self {
        let database = Postgres::of_this_process().new_database().unwrap();
        let mut site = Site::shared(partitions, &database.url());
        site.set("leases.ttl", ttl);
        site.set("leases.renew_interval", "\"1s\"");
        let hub = site.start_hub().await;
        Self {
            site,
            hub,
            _database: database,
        }
    }

    async fn node(&self, name: &str) -> Node {
        Node::start(&self.site, name, &[]).await
    }

    /// A fleet that sends to every partition until it is told to stop.
    fn fleet(&self) -> Running {
        let fleet = ["simulate", "--owners", "200", "--rate", RATE];
        self.site.spawn("simulate", self.site.command(&fleet))
    }

    /// The leases that have not expired.
    async fn leases(&self) -> BTreeMap<i64, Lease> {
        let sql = "SELECT {integer partition_id}, node, epoch FROM partitions
                   WHERE node IS NOT NULL AND expires_at > clock_timestamp()";
        let rows: Vec<(i64, String, i64)> = self.site.database().rows(sql).await;
        rows.into_iter()
            .map(|(id, node, epoch)| (id, Lease { node, epoch }))
            .collect()
    }

    /// Waits until the nodes read all partitions, none more than one more than another.
    async fn spread(&self, partitions: u32, nodes: &[&str]) -> BTreeMap<i64, Lease> {
        until("the partitions are spread evenly", async || {
            let leases = self.leases().await;
            let counts: Vec<_> = nodes.iter().map(|node| held(&leases, node).len()).collect();
            let (least, most) = (counts.iter().min()?, counts.iter().max()?);
            let all = counts.iter().sum::<usize>() == partitions as usize;
            (all && most - least <= 1).then_some(leases)
        })
        .await
    }

    /// Milliseconds by the database's clock.
    async fn now(&self) -> i64 {
        let sql = "SELECT {integer floor(extract(epoch from clock_timestamp()) * 1000) AS now}";
        self.site.database().number(sql).await
    }

    /// Waits until each of the partitions has a commit that is younger than that.
    async fn committed_since(&self, partitions: &BTreeSet<i64>, since: i64, node: &str) {
        let sql = format!(
            "SELECT {{integer partition_id}}, node FROM partitions
             WHERE last_commit_at > to_timestamp({since} / 1000.0) AND node <> '{node}'"
        );
        until("others have read the partitions", async || {
            let rows: Vec<(i64, String)> = self.site.database().rows(&sql).await;
            let read: BTreeSet<_> = rows.into_iter().map(|(id, _)| id).collect();
            read.is_superset(partitions).then_some(())
        })
        .await;
    }

    async fn ends(self, fleet: Option<Running>, nodes: Vec<Node>) {
        if let Some(fleet) = fleet {
            assert!(fleet.terminate().await.success());
        }
        let truth = self.site.holds_at_the_end().await;
        assert!(truth.len() > 0, "the fleet has sent something");
        for node in nodes {
            assert!(node.process.terminate().await.success());
        }
        assert!(self.hub.terminate().await.success());
    }
}

/// Whose partitions they are.
fn held(leases: &BTreeMap<i64, Lease>, node: &str) -> BTreeSet<i64> {
    let own = leases.iter().filter(|(_, lease)| lease.node == node);
    own.map(|(id, _)| *id).collect()
}

#[tokio::test]
async fn a_node_that_joins_takes_its_share_and_a_killed_ones_is_read_again_when_its_leases_expire()
{
    let scene = Scene::open(PARTITIONS, &format!("\"{TTL_SECONDS}s\"")).await;
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let before = scene.spread(PARTITIONS, &["a", "b"]).await;
    let fleet = scene.fleet();

    let c = scene.node("c").await;
    let after = scene.spread(PARTITIONS, &["a", "b", "c"]).await;
    let moved = held(&after, "c");
    for (id, lease) in &after {
        if !moved.contains(id) {
            assert_eq!(before.get(id), Some(lease), "partition {id} stays as it is");
        }
        // A release and a claim, no more.
        let claimed = after[id].epoch - before[id].epoch;
        let seconds = scene.now().await / 1_000 - before[id].epoch;
        assert!(claimed <= seconds.max(2), "partition {id} moved once");
    }
    scene.committed_since(&moved, 0, "a").await;

    let killed_at = scene.now().await;
    c.process.kill();
    scene.committed_since(&moved, killed_at, "c").await;
    let took = scene.now().await - killed_at;
    eprintln!("read again {took} ms after the kill; leases.ttl is {TTL_SECONDS} s");
    scene.spread(PARTITIONS, &["a", "b"]).await;
    scene.ends(Some(fleet), vec![a, b]).await;
}

#[tokio::test]
async fn a_clean_stop_hands_over_without_an_expiry_and_nothing_is_read_again() {
    let scene = Scene::open(PARTITIONS, NEVER).await;
    let (a, b, c) = (
        scene.node("a").await,
        scene.node("b").await,
        scene.node("c").await,
    );
    let leases = scene.spread(PARTITIONS, &["a", "b", "c"]).await;
    let left = held(&leases, "c");
    let fleet = scene.fleet();
    scene.committed_since(&left, 0, "a").await;

    let stopped_at = scene.now().await;
    assert!(c.process.terminate().await.success());
    let after = scene.spread(PARTITIONS, &["a", "b"]).await;
    let took = scene.now().await - stopped_at;
    eprintln!("handed over {took} ms after the request to stop");
    for (id, lease) in &leases {
        if !left.contains(id) {
            assert_eq!(after.get(id), Some(lease), "partition {id} stays as it is");
        }
    }
    scene.committed_since(&left, stopped_at, "c").await;
    assert!(fleet.terminate().await.success());
    scene.site.settled().await;
    for node in [&a, &b] {
        let received = node.api.counter("rollcall_source_events_total").await;
        let stored = node.api.counter("rollcall_statuses_stored_total").await;
        assert_eq!(received, stored, "node {} stored what it read", node.name);
        assert_eq!(node.api.counter("rollcall_leases_lost_total").await, 0);
        assert_eq!(node.api.counter("rollcall_batches_refused_total").await, 0);
    }
    scene.ends(None, vec![a, b]).await;
}

#[tokio::test]
async fn a_node_that_was_paused_past_its_leases_changes_nothing_and_says_so() {
    const FEW: u32 = 8;
    let scene = Scene::open(FEW, "\"3s\"").await;
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let fleet = scene.fleet();
    let leases = scene.spread(FEW, &["a", "b"]).await;
    let left = held(&leases, "b");
    scene.committed_since(&left, 0, "a").await;
    b.pause();
    let paused_at = scene.now().await;
    scene.committed_since(&left, paused_at, "b").await;
    let stored = scene.site.database().stored().await;
    b.wake();
    let told = until("the node says that it lost its leases", async || {
        let lost = b.api.counter("rollcall_leases_lost_total").await;
        let lapsed = b.api.counter("rollcall_leases_lapsed_total").await;
        (lost + lapsed >= left.len() as u64).then_some(lost + lapsed)
    });
    told.await;
    let talk = b.process.talk();
    assert!(talk.contains("the lease"), "{talk}");
    // It takes part again, under new epochs.
    let again = scene.spread(FEW, &["a", "b"]).await;
    for (id, lease) in &again {
        assert!(
            lease.node == "a" || lease.epoch > leases[id].epoch,
            "partition {id} is read under a new epoch"
        );
    }
    assert!(scene.site.database().stored().await >= stored);
    scene.ends(Some(fleet), vec![a, b]).await;
}

#[tokio::test]
async fn roles_are_shared_out_among_nodes() {
    const FEW: u32 = 4;
    let scene = Scene::open(FEW, NEVER).await;
    let reader = Node::start(&scene.site, "reader", &["node.roles=ingest"]).await;
    let desk = Node::start(&scene.site, "desk", &["node.roles=api"]).await;
    let sender = scene.site.sender().await;
    for partition in 0..FEW {
        sender.send(partition, [status("streamed", "1", "1")]).await;
    }
    sender.close().await;
    scene.site.settled().await;
    let leases = scene.leases().await;
    assert_eq!(held(&leases, "reader").len(), FEW as usize, "{leases:?}");

    let (code, _) = reader.api.get("/api/v1/partitions").await;
    assert_eq!(code, 404, "a node without the role api has no API");
    let body = serde_json::json!({"owner_id": "by hand"});
    let (code, _) = desk.api.post("/api/v1/owners", &body).await;
    assert_eq!(code, 201);
    let (_, nodes) = desk.api.get("/api/v1/nodes").await;
    let roles = |name: &str| {
        let nodes = nodes["items"].as_array().unwrap();
        let node = nodes.iter().find(|node| node["name"] == name).unwrap();
        (node["roles"].clone(), node["partitions"].clone())
    };
    assert_eq!(roles("reader"), (serde_json::json!(["ingest"]), FEW.into()));
    assert_eq!(roles("desk"), (serde_json::json!(["api"]), 0.into()));
    let lag = until("the lag of the other node's partitions", async || {
        let (_, list) = desk.api.get("/api/v1/partitions").await;
        let items = list["items"].as_array()?.clone();
        let known =
            |item: &serde_json::Value| item["lag_events"] == 0 && item["lag_seconds"].is_number();
        items.iter().all(known).then_some(items)
    });
    assert!(lag.await.iter().all(|item| item["node"] == "reader"));
    assert!(reader.process.terminate().await.success());
    assert!(desk.process.terminate().await.success());
    assert!(scene.hub.terminate().await.success());
}
