//! Days: made for whatever a batch holds, by several nodes at once, and dropped as a whole.

use std::time::Duration;

use rollcall_model::Timestamp;
use rollcall_store::Answer;

use crate::fixture::{START, Site};

const TTL: Duration = Duration::from_secs(15);
const DAY: i64 = 86_400;
const DAYS: &str = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'statuses'::regclass";

fn day(day: i64) -> Timestamp {
    Timestamp::from_millis((START + day * DAY) * 1_000)
}

#[tokio::test]
async fn a_year_of_backlog_and_times_far_off_are_stored() {
    let site = Site::new();
    let node = site.node("a", TTL).await;
    site.enter(&["1"]).await;
    let lease = node.claim(3).await;
    let year = lease.batch_at("1", -1, 365, |number| START - (365 - number) * DAY);
    assert_eq!(node.commit(&[year]).await, [Answer::Committed]);
    assert_eq!(site.count(DAYS).await, 366);
    // 0000-01-01 and 9999-12-31.
    let far = [-62_167_219_200, 253_402_300_799];
    let far = lease.batch_at("1", 365, 367, |number| far[usize::from(number == 367)]);
    assert_eq!(node.commit(&[far]).await, [Answer::Committed]);
    assert_eq!(site.count(DAYS).await, 368);
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 368);
}

#[tokio::test]
async fn nodes_that_meet_new_days_at_once_make_each_once() {
    let site = Site::new();
    let (a, b) = (site.node("a", TTL).await, site.node("b", TTL).await);
    site.enter(&["1"]).await;
    let (of_a, of_b) = (a.claim(3).await, b.claim(4).await);
    for week in 0..5 {
        let (after, upto) = (week * 7 - 1, week * 7 + 6);
        let at = |number: i64| START + number * DAY;
        let batches = (
            [of_a.batch_at("1", after, upto, at)],
            [of_b.batch_at("1", after, upto, at)],
        );
        let (answers_a, answers_b) = tokio::join!(a.commit(&batches.0), b.commit(&batches.1));
        assert_eq!(answers_a, [Answer::Committed]);
        assert_eq!(answers_b, [Answer::Committed]);
    }
    assert_eq!(site.count(DAYS).await, 35);
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 70);
}

#[tokio::test]
async fn retention_drops_days_that_are_over_and_counts_what_they_held() {
    let site = Site::new();
    let node = site.node("a", TTL).await;
    site.enter(&["1"]).await;
    let lease = node.claim(3).await;
    let batch = lease.batch_at("1", -1, 9, |number| START + number * DAY);
    assert_eq!(node.commit(&[batch]).await, [Answer::Committed]);
    assert_eq!(node.store.expire_statuses(day(4)).await.unwrap(), 4);
    assert_eq!(node.store.expire_statuses(day(4)).await.unwrap(), 0);
    assert_eq!(site.count(DAYS).await, 6);
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 6);
    assert_eq!(site.count("SELECT removed FROM partitions").await, 4);
    assert_eq!(site.count("SELECT stored FROM partitions").await, 10);
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'statuses\\_%'";
    assert_eq!(site.count(tables).await, 6);
}

#[tokio::test]
async fn a_day_that_another_node_dropped_is_made_again() {
    let site = Site::new();
    let (a, b) = (site.node("a", TTL).await, site.node("b", TTL).await);
    site.enter(&["1"]).await;
    let lease = a.claim(3).await;
    assert_eq!(
        a.commit(&[lease.batch("1", -1, 9)]).await,
        [Answer::Committed]
    );
    assert_eq!(b.store.expire_statuses(day(1)).await.unwrap(), 10);
    assert_eq!(
        a.commit(&[lease.batch("1", 9, 12)]).await,
        [Answer::Committed]
    );
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 3);
}
