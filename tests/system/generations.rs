//! A hub that is made anew or lost the end of its log, and a hub that comes late.

use std::collections::BTreeMap;
use std::fs::File;

use crate::harness::ledger::Ledger;
use crate::harness::message::status;
use crate::harness::site::Site;
use crate::harness::truth::Truth;
use crate::harness::wait::until;

#[tokio::test]
async fn a_hub_that_was_made_anew_is_read_from_its_beginning_and_the_old_rows_stay() {
    let site = Site::embedded(2);
    let node = site.start_node().await;
    send(&site, "first", 30).await;
    let first = site.holds_at_the_end().await;
    assert!(node.terminate().await.success());
    std::fs::remove_dir_all(site.hub_dir()).unwrap();

    let node = site.start_node().await;
    // Fewer than before, so that the numbers lie below the old checkpoint.
    send(&site, "second", 10).await;
    holds_in_two_generations(&site, first).await;
    assert_eq!(
        site.database()
            .number("SELECT max(generation) - min(generation) FROM streams")
            .await,
        1
    );
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn a_hub_that_is_made_anew_under_a_running_node_is_a_new_generation() {
    let site = Site::apart(2);
    let hub = site.start_hub().await;
    let node = site.start_node().await;
    send(&site, "first", 30).await;
    let first = site.holds_at_the_end().await;
    hub.kill();
    std::fs::remove_dir_all(site.hub_dir()).unwrap();

    let hub = site.start_hub().await;
    send(&site, "second", 10).await;
    holds_in_two_generations(&site, first).await;
    assert!(node.terminate().await.success());
    drop(hub);
}

/// What was acknowledged and stored is gone from the hub, and its next events have numbers that were
/// there before.
#[tokio::test]
async fn a_log_that_ends_below_the_checkpoint_is_a_new_generation() {
    let site = Site::embedded(2);
    let node = site.start_node().await;
    send(&site, "first", 50).await;
    let first = site.holds_at_the_end().await;
    assert!(node.terminate().await.success());
    for partition in 0..2 {
        let segment = format!("partition-{partition:04}/{:020}.log", 0);
        let segment = File::options()
            .write(true)
            .open(site.hub_dir().join(segment));
        let segment = segment.unwrap();
        segment
            .set_len(segment.metadata().unwrap().len() / 2)
            .unwrap();
    }

    let node = site.start_node().await;
    send(&site, "second", 10).await;
    let second = holds_in_two_generations(&site, first).await;
    assert!((40..80).contains(&second.len()), "{}", second.len());
    assert!(node.terminate().await.success());
}

#[tokio::test]
async fn a_node_whose_hub_is_away_becomes_ready_when_it_comes() {
    let site = Site::apart(2);
    let mut node = site.spawn_node();
    let (_, body) = until("/readyz = 503", async || {
        site.api()
            .try_get("/readyz")
            .await
            .filter(|(code, _)| *code == 503)
    })
    .await;
    assert!(body.to_string().contains("event hub"), "{body}");
    let (code, _) = site.api().get("/livez").await;
    assert_eq!(code, 200);

    let hub = site.start_hub().await;
    site.ready(&mut node).await;
    send(&site, "late", 5).await;
    site.holds_at_the_end().await;
    assert!(node.terminate().await.success());
    drop(hub);
}

/// Sends so many statuses to each partition.
async fn send(site: &Site, owner: &str, count: usize) {
    let sender = site.sender().await;
    for partition in 0..2 {
        let bodies = (0..count).map(|number| status(owner, "1", &number.to_string()));
        sender.send(partition, bodies).await;
    }
    sender.close().await;
}

/// The rows of the first generation stay, the second is stored whole; what it has is returned.
async fn holds_in_two_generations(site: &Site, first: Truth) -> Truth {
    until("a second generation", async || {
        (site.database().streams().await.len() == 2).then_some(())
    })
    .await;
    let second = site.settled().await;
    let streams = site.database().streams().await;
    let truths: BTreeMap<i64, Truth> = streams.into_iter().zip([first, second.clone()]).collect();
    Ledger::of_streams(site.database().read().await, truths).holds_at_the_end();
    second
}
