//! Commits that the guard decides.

use std::time::Duration;

use rollcall_model::SequenceNumber;
use rollcall_store::{Answer, Refusal, Store};

use crate::fixture::Site;

const TTL: Duration = Duration::from_secs(15);

#[tokio::test]
async fn what_is_sent_again_is_committed_and_stored_once() {
    let site = Site::new();
    let node = site.node("a", TTL).await;
    site.enter(&["1"]).await;
    let lease = node.claim(3).await;
    let batches = [lease.batch("1", -1, 9), lease.batch("1", 9, 12)];
    assert_eq!(node.commit(&batches).await, [Answer::Committed; 2]);
    assert_eq!(node.commit(&batches).await, [Answer::Committed; 2]);
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 13);
    assert_eq!(site.count("SELECT stored FROM partitions").await, 13);
    let latest = "SELECT sequence_number FROM latest_statuses";
    assert_eq!(site.count(latest).await, 12);
}

#[tokio::test]
async fn an_older_status_does_not_replace_the_latest() {
    let site = Site::new();
    let node = site.node("a", TTL).await;
    site.enter(&["1"]).await;
    let lease = node.claim(3).await;
    let falling = lease.batch_at("1", -1, 9, |number| 1_795_428_000 - number);
    assert_eq!(node.commit(&[falling]).await, [Answer::Committed]);
    let older = lease.batch_at("1", 9, 10, |number| 1_795_427_000 - number);
    assert_eq!(node.commit(&[older]).await, [Answer::Committed]);
    let latest = "SELECT sequence_number FROM latest_statuses";
    assert_eq!(site.count(latest).await, 0);
}

#[tokio::test]
async fn a_refused_partition_leaves_the_others_of_its_group_alone() {
    let site = Site::new();
    let (node, thief) = (site.node("a", TTL).await, site.node("b", TTL).await);
    site.enter(&["1", "2"]).await;
    let (kept, lost) = (node.claim(3).await, node.claim(4).await);
    let stolen = release_and_claim(&site, &thief, 4).await;
    let batches = [lost.batch("1", -1, 9), kept.batch("2", -1, 9)];
    let answers = node.commit(&batches).await;
    let epoch = stolen;
    let stale = Answer::Refused(Refusal::StaleEpoch { epoch });
    assert_eq!(answers, [stale, Answer::Committed]);
    let stored = "SELECT count(*) FROM statuses WHERE owner_id = '2'";
    assert_eq!(site.count(stored).await, 10);
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 10);
}

/// Takes the partition as if its lease had expired.
async fn release_and_claim(
    site: &Site,
    thief: &crate::fixture::Node,
    partition: u32,
) -> rollcall_model::Epoch {
    let mut session = site.session("test").await;
    sqlx::query("UPDATE partitions SET incarnation = NULL WHERE partition_id = $1")
        .bind(i64::from(partition))
        .execute(&mut session)
        .await
        .unwrap();
    thief.claim(partition).await.claim.epoch
}

#[tokio::test]
async fn a_batch_that_does_not_fit_is_misplaced_and_stores_nothing() {
    let site = Site::new();
    let node = site.node("a", TTL).await;
    site.enter(&["1"]).await;
    let lease = node.claim(3).await;
    let misplaced = Answer::Refused(Refusal::Misplaced {
        stored: Some(SequenceNumber(-1)),
    });
    assert_eq!(node.commit(&[lease.batch("1", 4, 9)]).await, [misplaced]);
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 0);
}

#[tokio::test]
async fn nodes_that_open_an_empty_database_at_once_find_one_schema_and_one_stream() {
    let site = Site::new();
    let nodes = ["a", "b", "c", "d"].map(|name| site.node(name, TTL));
    let [a, b, c, d] = nodes;
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    let streams = tokio::join!(a.stream(), b.stream(), c.stream(), d.stream());
    assert_eq!(streams.0, streams.1);
    assert_eq!(streams.2, streams.3);
    assert_eq!(site.count("SELECT count(*) FROM streams").await, 1);
}

#[tokio::test]
async fn a_filled_database_goes_down_and_up_again() {
    let site = Site::new();
    let node = site.node("a", TTL).await;
    site.enter(&["1"]).await;
    let lease = node.claim(3).await;
    assert_eq!(
        node.commit(&[lease.batch("1", -1, 9)]).await,
        [Answer::Committed]
    );
    let steps = Store::migrations(site.config()).await.unwrap().len();
    let steps = u32::try_from(steps).unwrap();
    Store::migrate_down(site.config(), steps).await.unwrap();
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    // The record of the migrations.
    assert_eq!(site.count(tables).await, 1);
    Store::open(site.config()).await.unwrap();
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 0);
}
