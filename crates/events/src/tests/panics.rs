//! Run with the cargo feature `failpoints`.

use crate::SinkStatus;

use super::world::{World, accepting, config, eventually, receiver, tally, webhook};

const OWNERS: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];

/// Nothing is lost, and what arrives twice arrives under the same id.
async fn survives(point: &str, action: &str) -> SinkStatus {
    let scenario = fail::FailScenario::setup();
    fail::cfg(point, action).unwrap();
    let world = World::new().await;
    let server = receiver(accepting()).await;
    let relay = world
        .relay(config(vec![webhook("hook", server.uri())]))
        .await;
    world.enter(&OWNERS).await;
    eventually("none pending", async || world.pending().await == 0).await;
    let status = relay.status().sinks.remove(0);
    relay.stop().await;
    let tally = tally(&server).await;
    assert_eq!(tally.len(), OWNERS.len());
    for ids in tally.values() {
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
    scenario.teardown();
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_in_a_send_cost_only_tries() {
    let status = survives("relay.send", "5*panic(fault)").await;
    assert_eq!((status.failed, status.restarts), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_before_settling_repeat_only_ids() {
    let status = survives("relay.mark", "3*panic(fault)").await;
    assert_eq!(status.restarts, 3);
    assert!(
        status.sent > OWNERS.len() as u64,
        "what was sent and not settled is sent again"
    );
}
