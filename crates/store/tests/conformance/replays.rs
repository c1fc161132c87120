//! The replay: what is missing is stored, once, and the totals still hold.

use rollcall_model::{DropReason, OwnerState, SequenceNumber, Status};
use rollcall_store::{
    Gap, GapReason, Newcomer, ReplayAnswer, ReplayBasis, ReplayChunk, ReplayCounts, ReplayMode,
    Unstored,
};

use crate::fixture::{
    Fixture, Lease, On, at, change_state, dead_letter, drops, newcomer, span, status,
};

fn chunk(statuses: Vec<Status>) -> ReplayChunk {
    ReplayChunk {
        statuses,
        unstored: Vec::new(),
    }
}

fn of_owner(owner: &str, numbers: std::ops::Range<i64>) -> ReplayChunk {
    chunk(numbers.map(|number| status(owner, "s", number)).collect())
}

impl Fixture {
    async fn basis(&self, lease: &Lease) -> ReplayBasis {
        let basis = self.store.replay_basis(lease.stream_id, lease.partition_id);
        basis.await.unwrap().unwrap()
    }

    async fn try_replay(
        &self,
        basis: ReplayBasis,
        chunk: &ReplayChunk,
        mode: ReplayMode,
    ) -> ReplayAnswer {
        let replayed = self.store.replay(basis, chunk.clone(), mode);
        replayed.await.unwrap()
    }

    async fn replay(&self, lease: &Lease, chunk: &ReplayChunk, mode: ReplayMode) -> ReplayCounts {
        let basis = self.basis(lease).await;
        match self.try_replay(basis, chunk, mode).await {
            ReplayAnswer::Done(counts, _) => counts,
            refused => panic!("{refused:?}"),
        }
    }

    /// Deletes statuses behind the store's back.
    async fn lose(&self, numbers: &str) {
        let sql = format!("DELETE FROM statuses WHERE sequence_number IN ({numbers})");
        assert!(self.execute(&sql).await > 0);
    }
}

/// Ten numbers of owner `1`, all stored.
async fn stored(on: On) -> (Fixture, Lease) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    fixture.commit(vec![lease.filled("1", -1, 9)]).await;
    (fixture, lease)
}

async fn exactly_what_was_lost_comes_back_and_the_totals_hold(on: On) {
    let (fixture, lease) = stored(on).await;
    fixture.lose("2, 3, 7").await;
    let all = of_owner("1", 0..10);
    let foreseen = fixture.replay(&lease, &all, ReplayMode::DryRun).await;
    assert_eq!(
        fixture.numbers("1").await.len(),
        7,
        "a dry run stores nothing"
    );
    let counts = fixture.replay(&lease, &all, ReplayMode::Store).await;
    assert_eq!(counts, foreseen);
    assert_eq!((counts.stored, counts.already_stored), (3, 7));
    assert_eq!(fixture.numbers("1").await, (0..10).collect::<Vec<_>>());
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.replayed), (10, 0));
    assert_eq!(row.sequence_number, Some(SequenceNumber(9)));
    let again = fixture.replay(&lease, &all, ReplayMode::Store).await;
    assert_eq!((again.stored, again.already_stored), (0, 10));
    fixture.assert_invariants().await;
}

async fn what_was_dropped_or_lay_in_a_gap_is_counted_beyond_the_totals(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 9);
    batch.statuses = (0..4).map(|number| status("1", "s", number)).collect();
    batch.dead = vec![dead_letter(4)];
    batch.drops = drops(&[(DropReason::Blocked, 2)]);
    batch.gaps = vec![Gap {
        span: span(6, 9),
        reason: GapReason::Missing,
    }];
    fixture.commit_one(batch).await;
    fixture.lose("1, 2").await;
    let counts = fixture
        .replay(&lease, &of_owner("1", 0..9), ReplayMode::Store)
        .await;
    assert_eq!(
        (counts.stored, counts.already_stored, counts.dead),
        (6, 2, 1)
    );
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.replayed, row.gaps), (4, 4, 3));
    fixture.assert_invariants().await;
    let rest = fixture
        .replay(&lease, &of_owner("1", 9..10), ReplayMode::Store)
        .await;
    assert_eq!(rest.stored, 1);
    assert_eq!(fixture.partition(&lease).await.replayed, 5);
    fixture.assert_invariants().await;
}

async fn owners_decide_what_is_replayed_as_they_stand_now(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2", "3"]).await;
    let pending = Newcomer {
        state: OwnerState::Pending,
        ..newcomer("4", &["s"])
    };
    fixture.provision(vec![pending]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 5);
    batch.drops = drops(&[(DropReason::Denied, 5)]);
    batch.held = vec![status("4", "s", 5)];
    fixture.commit_one(batch).await;
    fixture.change("2", change_state(OwnerState::Blocked)).await;
    fixture.change("3", change_state(OwnerState::Deleted)).await;
    let owners = ["1", "2", "3", "4"].into_iter().zip(0..);
    let mut asked = chunk(owners.map(|(owner, n)| status(owner, "s", n)).collect());
    asked.statuses.push(status("4", "s", 5));
    asked.unstored.push((
        SequenceNumber(4),
        at(4),
        Unstored::Dropped(DropReason::Expired),
    ));
    for mode in [ReplayMode::DryRun, ReplayMode::Store] {
        let counts = fixture.replay(&lease, &asked, mode).await;
        let due = ReplayCounts {
            stored: 1,
            held: 1,
            pending: 1,
            dropped: drops(&[
                (DropReason::Blocked, 1),
                (DropReason::Deleted, 1),
                (DropReason::Expired, 1),
            ]),
            ..ReplayCounts::default()
        };
        assert_eq!(counts, due);
        assert_eq!(counts.total(), 6);
    }
    assert_eq!(fixture.numbers("1").await, [0]);
    fixture.assert_invariants().await;
}

async fn a_newcomer_counts_as_stored_by_a_dry_run_and_is_not_entered(on: On) {
    let (fixture, lease) = stored(on).await;
    fixture.lose("5").await;
    let asked = of_owner("nobody", 5..6);
    let counts = fixture.replay(&lease, &asked, ReplayMode::DryRun).await;
    assert_eq!(counts.stored, 1);
    let stored = fixture
        .store
        .replay(fixture.basis(&lease).await, asked, ReplayMode::Store);
    assert!(
        stored.await.is_err(),
        "a status needs its owner on the roll"
    );
}

async fn of_two_replays_on_one_basis_one_stores(on: On) {
    let (fixture, lease) = stored(on).await;
    fixture.lose("1, 8").await;
    let basis = fixture.basis(&lease).await;
    let (first, second) = (of_owner("1", 0..5), of_owner("1", 0..10));
    let (a, b) = tokio::join!(
        fixture.try_replay(basis, &first, ReplayMode::Store),
        fixture.try_replay(basis, &second, ReplayMode::Store),
    );
    let done = |answer: &ReplayAnswer| matches!(answer, ReplayAnswer::Done(..));
    assert!(done(&a) != done(&b), "{a:?} {b:?}");
    let superseded = if done(&a) { b } else { a };
    assert_eq!(superseded, ReplayAnswer::Superseded);
    fixture.replay(&lease, &second, ReplayMode::Store).await;
    assert_eq!(fixture.numbers("1").await, (0..10).collect::<Vec<_>>());
    fixture.assert_invariants().await;
}

async fn live_reading_goes_on_beside_a_replay_and_keeps_its_lease(on: On) {
    let (fixture, lease) = stored(on).await;
    fixture.lose("1").await;
    let basis = fixture.basis(&lease).await;
    fixture.commit(vec![lease.filled("1", 9, 12)]).await;
    let beyond = fixture
        .try_replay(basis, &of_owner("1", 8..12), ReplayMode::Store)
        .await;
    assert_eq!(beyond, ReplayAnswer::OutOfRange);
    let answer = fixture
        .try_replay(basis, &of_owner("1", 0..10), ReplayMode::Store)
        .await;
    assert!(matches!(answer, ReplayAnswer::Done(..)), "{answer:?}");
    fixture.commit(vec![lease.filled("1", 12, 14)]).await;
    assert_eq!(fixture.numbers("1").await, (0..15).collect::<Vec<_>>());
    assert_eq!(fixture.partition(&lease).await.epoch, lease.epoch());
    fixture.assert_invariants().await;
}

async fn an_older_status_that_comes_back_is_not_the_latest(on: On) {
    let (fixture, lease) = stored(on).await;
    fixture.lose("3").await;
    fixture
        .replay(&lease, &of_owner("1", 3..4), ReplayMode::Store)
        .await;
    let latest = fixture.latest("1", "s").await.unwrap();
    assert_eq!(latest.sequence_number, SequenceNumber(9));
}

async fn an_accepted_gap_and_the_gaps_are_told(on: On) {
    let (fixture, lease) = stored(on).await;
    let mut batch = lease.batch(9, 15);
    batch.gaps = vec![
        Gap {
            span: span(9, 12),
            reason: GapReason::Retention,
        },
        Gap {
            span: span(12, 15),
            reason: GapReason::Missing,
        },
    ];
    fixture.commit_one(batch).await;
    let (stream_id, partition_id) = (lease.stream_id, lease.partition_id);
    let first = fixture.store.list_gaps(None, 1, None).await.unwrap();
    let cursor = first.next_cursor.as_deref();
    let second = fixture.store.list_gaps(Some(partition_id), 1, cursor);
    let second = second.await.unwrap();
    let numbers: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|gap| {
            (
                gap.after_sequence_number.0,
                gap.upto_sequence_number.0,
                gap.reason,
            )
        })
        .collect();
    assert_eq!(
        numbers,
        [(9, 12, GapReason::Retention), (12, 15, GapReason::Missing)]
    );
    assert_eq!(second.next_cursor, None);
    assert_eq!(fixture.partition(&lease).await.gaps, 6);

    let upto = SequenceNumber(20);
    let accepted = fixture.store.accept_gap(stream_id, partition_id, upto);
    assert!(accepted.await.unwrap());
    assert_eq!(
        fixture.partition(&lease).await.gap_accepted_upto,
        Some(upto)
    );
    let nobody = rollcall_model::PartitionId(99);
    assert!(
        !fixture
            .store
            .accept_gap(stream_id, nobody, upto)
            .await
            .unwrap()
    );
}

async fn every_generation_is_listed_and_the_last_is_current(on: On) {
    let (fixture, lease) = stored(on).await;
    let hub = crate::fixture::hub();
    let next = fixture.store.next_generation(lease.stream_id, &hub);
    let next = next.await.unwrap();
    let streams = fixture.store.list_streams().await.unwrap();
    let shown: Vec<_> = streams
        .iter()
        .map(|row| (row.stream.stream_id, row.stream.generation, row.current))
        .collect();
    assert_eq!(
        shown,
        [(lease.stream_id, 1, false), (next.stream_id, 2, true)]
    );
}

on_both! {
    exactly_what_was_lost_comes_back_and_the_totals_hold,
    what_was_dropped_or_lay_in_a_gap_is_counted_beyond_the_totals,
    owners_decide_what_is_replayed_as_they_stand_now,
    a_newcomer_counts_as_stored_by_a_dry_run_and_is_not_entered,
    of_two_replays_on_one_basis_one_stores,
    live_reading_goes_on_beside_a_replay_and_keeps_its_lease,
    an_older_status_that_comes_back_is_not_the_latest,
    an_accepted_gap_and_the_gaps_are_told,
    every_generation_is_listed_and_the_last_is_current,
}
