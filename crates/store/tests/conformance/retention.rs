//! Retention: statuses go by age, are counted as removed, and may be replayed beyond the totals.

use rollcall_model::Status;
use rollcall_store::{ReplayAnswer, ReplayChunk, ReplayMode};

use crate::fixture::{Fixture, On, at, status};

const DAY: i64 = 86_400;

/// A status of the number, `days` after the tests' day.
fn later(number: i64, days: i64) -> Status {
    let time = at(number + days * DAY);
    Status {
        enqueued_at: time,
        status_at: time,
        ..status("1", "s", number)
    }
}

async fn what_has_expired_goes_and_its_total_stays(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 9);
    batch.statuses = (0..10).map(|n| later(n, n / 5 * 3)).collect();
    let old = batch.statuses[..5].to_vec();
    fixture.commit_one(batch).await;
    let before = at(2 * DAY);
    assert_eq!(fixture.store.expire_statuses(before).await.unwrap(), 5);
    assert_eq!(fixture.store.expire_statuses(before).await.unwrap(), 0);
    assert_eq!(fixture.numbers("1").await, [5, 6, 7, 8, 9]);
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.removed), (10, 5));
    fixture.assert_invariants().await;

    let basis = fixture
        .store
        .replay_basis(lease.stream_id, lease.partition_id);
    let basis = basis.await.unwrap().unwrap();
    assert_eq!(basis.lost, 0, "what retention took is not lost");
    let chunk = ReplayChunk {
        statuses: old,
        unstored: Vec::new(),
    };
    let replayed = fixture.store.replay(basis, chunk, ReplayMode::Store).await;
    assert!(matches!(replayed.unwrap(), ReplayAnswer::Done(counts, _) if counts.stored == 5));
    assert_eq!(fixture.partition(&lease).await.replayed, 5);
    fixture.assert_invariants().await;
    assert_eq!(fixture.store.expire_statuses(before).await.unwrap(), 5);
    fixture.assert_invariants().await;
}

async fn what_is_written_in_place_of_what_went_is_found_again(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let expire = async |days| {
        let expired = fixture.store.expire_statuses(at(days * DAY));
        expired.await.unwrap()
    };
    for (after, day) in [(-1, 0), (9, 3), (19, 6)] {
        let mut batch = lease.batch(after, after + 10);
        batch.statuses = (after + 1..=after + 10).map(|n| later(n, day)).collect();
        fixture.commit_one(batch).await;
        assert_eq!(expire(day - 1).await, 0, "before day {day}");
        assert_eq!(expire(day + 1).await, 10, "of day {day}");
    }
    fixture.assert_invariants().await;
}

/// More than one look-up takes, and of each range only every second one.
async fn old_ones_among_newer_ones_go_to_the_last(on: On) {
    const ROWS: i64 = 12_000;
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    for after in [-1, ROWS - 1] {
        let mut batch = lease.batch(after, after + ROWS);
        let numbers = after + 1..=after + ROWS;
        batch.statuses = numbers.map(|n| later(n, n % 2 * 3)).collect();
        fixture.commit_one(batch).await;
    }
    let expired = fixture.store.expire_statuses(at(2 * DAY)).await.unwrap();
    assert_eq!(expired, ROWS.unsigned_abs());
    let row = fixture.partition(&lease).await;
    assert_eq!(
        (row.stored, row.removed),
        (2 * ROWS.unsigned_abs(), expired)
    );
    fixture.assert_invariants().await;
}

on_both! {
    what_is_written_in_place_of_what_went_is_found_again,
    old_ones_among_newer_ones_go_to_the_last,
    what_has_expired_goes_and_its_total_stays,
}
