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

on_both! {
    what_has_expired_goes_and_its_total_stays,
}
