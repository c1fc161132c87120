//! The newest status of each sub-owner (I5).

use rollcall_model::Status;

use crate::fixture::{Fixture, On, at, owner_id, status};

async fn latest_number(fixture: &Fixture, sub_owner: &str) -> Option<i64> {
    let row = fixture.latest("1", sub_owner).await?;
    Some(row.sequence_number.0)
}

fn measured(number: i64, status_at: i64) -> Status {
    let mut status = status("1", "s", number);
    status.status_at = at(status_at);
    status
}

async fn within_a_batch_the_newest_wins_whatever_its_number(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 3);
    batch.statuses = vec![
        measured(0, 5),
        measured(1, 50),
        measured(2, 7),
        status("1", "t", 3),
    ];
    fixture.commit_one(batch).await;
    assert_eq!(latest_number(&fixture, "s").await, Some(1));
    assert_eq!(latest_number(&fixture, "t").await, Some(3));
    assert_eq!(latest_number(&fixture, "u").await, None);
    let of_each = async |owner: &str, limit: u32| {
        let rows = fixture.store.latest_statuses(&owner_id(owner), limit).await;
        let shown = rows.unwrap().into_iter();
        let shown = shown.map(|row| (row.sub_owner_id.to_string(), row.sequence_number.0));
        shown.collect::<Vec<_>>()
    };
    let all = [("s".to_owned(), 1), ("t".to_owned(), 3)];
    assert_eq!(of_each("1", 9).await, all);
    assert_eq!(of_each("1", 1).await, all[..1]);
    assert_eq!(of_each("2", 9).await, []);
    fixture.assert_invariants().await;
}

async fn an_older_status_that_arrives_later_does_not_replace_it(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    for (number, status_at) in [(0, 50), (1, 49), (2, 51), (3, 0)] {
        let mut batch = lease.batch(number - 1, number);
        batch.statuses = vec![measured(number, status_at)];
        fixture.commit_one(batch).await;
    }
    assert_eq!(latest_number(&fixture, "s").await, Some(2));
    fixture.assert_invariants().await;
}

async fn at_equal_times_the_partition_counts_as_a_number(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let ninth = fixture.lease().await;
    let tenth = fixture.lease_of(ninth.stream_id, 10, "a").await;
    let same_time = |number: i64| Status {
        enqueued_at: at(9),
        ..measured(number, 9)
    };
    let mut high = tenth.batch(-1, 0);
    high.statuses = vec![same_time(0)];
    let mut low = ninth.batch(-1, 1);
    low.statuses = vec![same_time(0), same_time(1)];
    fixture.commit_one(high).await;
    fixture.commit_one(low).await;
    let latest = fixture.latest("1", "s").await.unwrap();
    assert_eq!(latest.partition_id.0, 10);
    fixture.assert_invariants().await;
}

on_both! {
    within_a_batch_the_newest_wins_whatever_its_number,
    an_older_status_that_arrives_later_does_not_replace_it,
    at_equal_times_the_partition_counts_as_a_number,
}
