//! Several nodes on one PostgreSQL and one hub: who reads what, whatever becomes of them.

use crate::harness::fleet::Node;
use crate::harness::message::status;
use crate::harness::scene::{NEVER, Scene, held};
use crate::harness::stranger::Stranger;
use crate::harness::wait::until;

const PARTITIONS: u32 = 32;
const TTL_SECONDS: i64 = 5;
/// Beyond the time to live: the others' jitter, a claim, an open receiver, a commit.
const CLAIM_MILLIS: i64 = 2_000;

#[tokio::test]
async fn a_node_that_joins_takes_its_share_and_a_killed_ones_is_read_again_when_its_leases_expire()
{
    let scene = Scene::open(PARTITIONS, &format!("\"{TTL_SECONDS}s\"")).await;
    let [a, b] = scene.nodes(["a", "b"]).await;
    let before = scene.spread(&["a", "b"]).await;
    let fleet = scene.fleet();

    let c = scene.node("c").await;
    let after = scene.spread(&["a", "b", "c"]).await;
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
    let limit = TTL_SECONDS * 1_000 + CLAIM_MILLIS;
    assert!(
        took <= limit,
        "read again after {took} ms, more than {limit}"
    );
    scene.spread(&["a", "b"]).await;
    let (_, list) = a.api.get("/api/v1/partitions").await;
    for partition in list["items"].as_array().unwrap() {
        let lost = moved.contains(&partition["partition_id"].as_i64().unwrap());
        assert_eq!(partition["losses"], i64::from(lost), "{partition}");
        assert_eq!(partition["last_node"], partition["node"]);
        let moves = partition["moves"].as_i64().unwrap();
        assert!(!lost || moves >= 2, "there and back: {partition}");
    }
    scene.ends(Some(fleet), vec![a, b]).await;
}

#[tokio::test]
async fn a_clean_stop_hands_over_without_an_expiry_and_nothing_is_read_again() {
    let scene = Scene::open(PARTITIONS, NEVER).await;
    let [a, b, c] = scene.nodes(["a", "b", "c"]).await;
    let leases = scene.spread(&["a", "b", "c"]).await;
    let left = held(&leases, "c");
    let fleet = scene.fleet();
    scene.committed_since(&left, 0, "a").await;

    let stopped_at = scene.now().await;
    assert!(c.process.terminate().await.success());
    let after = scene.spread(&["a", "b"]).await;
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
    let [a, b] = scene.nodes(["a", "b"]).await;
    let fleet = scene.fleet();
    let leases = scene.spread(&["a", "b"]).await;
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
    let again = scene.spread(&["a", "b"]).await;
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
async fn a_node_that_stops_in_the_midst_of_its_copy_blocks_nobody_and_stores_nothing() {
    const FEW: u32 = 4;
    let scene = Scene::open(FEW, "\"3s\"").await;
    let a = scene.node("a").await;
    // Long enough to be met there, and over when it wakes up.
    let faults = "store.commit.copy=1*sleep(8000)";
    let b = Node::start_faulty(&scene.site, "b", &[], faults).await;
    let leases = scene.spread(&["a", "b"]).await;
    let left = held(&leases, "b");
    let fleet = scene.fleet();
    let copying = "SELECT count(*) FROM pg_stat_activity AS s JOIN nodes AS n
                   ON s.application_name = 'rollcall/' || n.incarnation AND n.name = 'b'
                   WHERE s.query LIKE 'COPY statuses%' AND s.state = 'active'
                   AND s.wait_event = 'ClientRead'
                   AND s.query_start < clock_timestamp() - interval '300 milliseconds'";
    until("the node is in the midst of a COPY", async || {
        (scene.number(copying) == 1).then_some(())
    })
    .await;
    b.pause();
    let paused_at = scene.now().await;
    assert_eq!(scene.number(copying), 1, "the session is still inside COPY");

    scene.committed_since(&left, paused_at, "b").await;
    eprintln!("read by others {} ms later", scene.now().await - paused_at);
    let sessions = "SELECT count(*) FROM pg_stat_activity AS s
                    WHERE s.query LIKE 'COPY statuses%' AND s.wait_event = 'ClientRead'
                    AND s.query_start < clock_timestamp() - interval '2 seconds'";
    assert_eq!(scene.number(sessions), 0, "its session was ended");
    // Of whomever it was about to store something: nobody's row is locked any more.
    let owners = "SELECT count(*) FROM (SELECT 1 FROM owners FOR UPDATE NOWAIT) AS locked";
    until("no owner is locked for long", async || {
        let locked = scene.try_psql(owners).is_ok_and(|count| count != "0");
        locked.then_some(())
    })
    .await;

    b.wake();
    until("the node says that it lost its leases", async || {
        let lost = b.api.counter("rollcall_leases_lost_total").await;
        let lapsed = b.api.counter("rollcall_leases_lapsed_total").await;
        (lost + lapsed >= left.len() as u64).then_some(())
    })
    .await;
    let talk = b.process.talk();
    assert!(talk.contains("the lease"), "{talk}");
    let again = scene.spread(&["a", "b"]).await;
    for (id, lease) in &again {
        let anew = lease.node == "a" || lease.epoch > leases[id].epoch;
        assert!(anew, "partition {id} is read under a new epoch");
    }
    scene.progresses().await;
    // Had its COPY got through, numbers would be there twice.
    scene.ends(Some(fleet), vec![a, b]).await;
}

#[tokio::test]
async fn a_stranger_that_takes_a_partition_is_named_and_the_node_reads_on_when_it_leaves() {
    const FEW: u32 = 2;
    const TAKEN: i64 = 1;
    let scene = Scene::open(FEW, NEVER).await;
    let nodes = scene.nodes(["a", "b"]).await;
    let leases = scene.spread(&["a", "b"]).await;
    let fleet = scene.fleet();
    scene.progresses().await;
    let reader = nodes.iter().find(|node| node.name == leases[&TAKEN].node);
    let other = nodes.iter().find(|node| node.name != leases[&TAKEN].node);
    let shown = async |node: &Node| {
        let (_, list) = node.api.get("/api/v1/partitions").await;
        list["items"][1].clone()
    };

    let stranger = Stranger::displacing(scene.site.hub_port, 1).await;
    for node in [reader.unwrap(), other.unwrap()] {
        let told = until("the partition is displaced", async || {
            let partition = shown(node).await;
            let told = partition["state"] == "displaced" && partition["fault"].is_string();
            told.then_some(partition)
        });
        let fault = told.await["fault"].to_string();
        assert!(fault.contains("another receiver"), "{fault}");
    }
    let standing = scene.site.answer(&["status"]).await;
    assert!(standing.contains("displaced"), "{standing}");
    // Nobody fights for it.
    assert_eq!(scene.leases().await, leases);

    stranger.leaves().await;
    for node in [reader.unwrap(), other.unwrap()] {
        until("the partition is read again", async || {
            let partition = shown(node).await;
            let read = partition["state"] == "reading" && partition["fault"].is_null();
            read.then_some(())
        })
        .await;
    }
    scene.progresses().await;
    assert_eq!(scene.leases().await, leases);
    scene.ends(Some(fleet), nodes.into()).await;
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
