//! SIGTERM: what is in flight is committed, leases are released, the next start goes on from there.

use crate::harness::ledger::Ledger;
use crate::harness::site::Site;
use crate::harness::wait::until;

const EVENTS: i64 = 30_000;

#[tokio::test]
async fn a_node_that_is_told_to_stop_drains_and_the_next_one_reads_nothing_again() {
    let mut site = Site::apart(4);
    site.set("pipeline.batch_max_events", "100");
    let hub = site.start_hub().await;
    let events = EVENTS.to_string();
    let fleet = [
        "simulate", "--owners", "100", "--rate", "10000", "--events", &events,
    ];
    let mut simulate = site.spawn("simulate", site.command(&fleet));
    let node = site.start_node().await;
    until("a third is stored", async || {
        (site.database().stored().await > EVENTS / 3).then_some(())
    })
    .await;
    assert!(
        node.terminate().await.success(),
        "a drain ends with exit code 0"
    );

    let tables = site.database().read().await;
    let released = |row: &&crate::harness::tables::PartitionRow| {
        row.node.is_none() && row.expires_at.is_none()
    };
    assert_eq!(
        tables.partitions.iter().filter(released).count(),
        4,
        "{:?}",
        tables.partitions
    );
    let accounted = i64::try_from(tables.statuses.len()).unwrap();
    assert!(
        accounted < EVENTS,
        "the node was stopped in the midst of its work"
    );
    assert!(simulate.ended().await.success());
    Ledger::new(tables, site.truth()).holds_so_far();

    let node = site.start_node().await;
    let truth = site.holds_at_the_end().await;
    let left = i64::try_from(truth.len()).unwrap() - accounted;
    let received = site.api().counter("rollcall_source_events_total").await;
    assert_eq!(
        i64::try_from(received).unwrap(),
        left,
        "events received by the second node"
    );
    assert!(node.terminate().await.success());
    assert!(hub.terminate().await.success());
}
