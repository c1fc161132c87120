//! A message that kills its actor every time.

use crate::harness::ledger::Ledger;
use crate::harness::message::status;
use crate::harness::site::Site;

const DOOMED: &str = "doomed";
const OWNERS: usize = 20;
const ROUNDS: usize = 20;
/// Rounds in which the doomed owner sends as well.
const DOOMED_ROUNDS: [usize; 3] = [3, 4, 15];

#[tokio::test]
async fn a_message_that_kills_its_actor_becomes_a_dead_letter_and_the_rest_is_stored() {
    let mut site = Site::apart(2);
    // All owners share an actor with the doomed one.
    site.set("registry.owner_shards", "1");
    let hub = site.start_hub().await;
    let sender = site.sender().await;
    for partition in 0..2 {
        sender.send(partition, load()).await;
    }
    sender.close().await;

    let mut node = site.spawn_faulty_node(&format!("owner.admit.message=return({DOOMED})"));
    let truth = site.settled().await.with_poison(DOOMED);
    assert_eq!(truth.dead().count(), 2 * DOOMED_ROUNDS.len());
    let tables = site.database().read().await;
    let reasons: Vec<_> = tables.dead.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, vec!["poison"; 2 * DOOMED_ROUNDS.len()]);
    Ledger::new(tables, truth).holds_at_the_end();
    assert!(node.is_alive(), "{}", node.talk());

    what_comes_later_is_stored(&site).await;
    assert!(node.terminate().await.success());
    drop(hub);
}

fn load() -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for round in 0..ROUNDS {
        let data = round.to_string();
        bodies.extend((0..OWNERS).map(|owner| status(&format!("owner {owner}"), "1", &data)));
        if DOOMED_ROUNDS.contains(&round) {
            bodies.push(status(DOOMED, "1", &data));
        }
    }
    bodies
}

async fn what_comes_later_is_stored(site: &Site) {
    let sender = site.sender().await;
    sender.send(0, [status("late", "1", "1")]).await;
    sender.close().await;
    let truth = site.settled().await.with_poison(DOOMED);
    Ledger::new(site.database().read().await, truth).holds_at_the_end();
}
