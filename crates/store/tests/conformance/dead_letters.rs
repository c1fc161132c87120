//! Dead letters by somebody's word: stored at their own places, or discarded, and accounted for.

use rollcall_model::{OwnerState, PartitionId, SequenceNumber};
use rollcall_store::{DeadLetterId, DeadLetterState, LetterAnswer};

use crate::fixture::{Fixture, Lease, On, change_state, dead_letter, status};

/// Numbers 0 to 4, of which 2 and 3 are dead.
async fn filled(fixture: &Fixture) -> Lease {
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 4);
    batch.statuses = [0, 1, 4].map(|n| status("1", "s", n)).to_vec();
    batch.dead = vec![dead_letter(2), dead_letter(3)];
    fixture.commit_one(batch).await;
    lease
}

fn id(lease: &Lease, number: i64) -> DeadLetterId {
    DeadLetterId {
        stream_id: lease.stream_id,
        partition_id: lease.partition_id,
        sequence_number: SequenceNumber(number),
    }
}

async fn totals(fixture: &Fixture, lease: &Lease) -> (u64, u64) {
    let row = fixture.partition(lease).await;
    (row.stored, row.dead)
}

async fn state(fixture: &Fixture, id: DeadLetterId) -> DeadLetterState {
    let letter = fixture.store.dead_letter(&id.to_string()).await.unwrap();
    letter.unwrap().state
}

async fn a_replayed_letter_is_a_status_at_its_own_place_once(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = filled(&fixture).await;
    let (store, letter) = (&fixture.store, id(&lease, 2));
    let answer = store.replay_dead_letter(letter, status("1", "s", 2)).await;
    assert_eq!(answer.unwrap(), LetterAnswer::Done);
    assert_eq!(fixture.numbers("1").await, [0, 1, 2, 4]);
    assert_eq!(totals(&fixture, &lease).await, (4, 1));
    assert_eq!(state(&fixture, letter).await, DeadLetterState::Replayed);
    // Number 4 is newer, and stays the latest.
    let latest = fixture.latest("1", "s").await.unwrap();
    assert_eq!(latest.sequence_number, SequenceNumber(4));
    let replayed = LetterAnswer::NotOpen(DeadLetterState::Replayed);
    let again = store.replay_dead_letter(letter, status("1", "s", 2)).await;
    assert_eq!(again.unwrap(), replayed);
    assert_eq!(store.discard_dead_letter(letter).await.unwrap(), replayed);
    assert_eq!(totals(&fixture, &lease).await, (4, 1));
    fixture.assert_invariants().await;
}

async fn two_who_replay_one_letter_at_once_store_it_once(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = filled(&fixture).await;
    let letter = id(&lease, 2);
    let other = fixture.other_store().await;
    let replay = |store: &rollcall_store::Store| {
        let store = store.clone();
        async move { store.replay_dead_letter(letter, status("1", "s", 2)).await }
    };
    let (one, two) = tokio::join!(replay(&fixture.store), replay(&other));
    let mut answers = [one.unwrap(), two.unwrap()];
    answers.sort_by_key(|answer| *answer != LetterAnswer::Done);
    let replayed = LetterAnswer::NotOpen(DeadLetterState::Replayed);
    assert_eq!(answers, [LetterAnswer::Done, replayed]);
    assert_eq!(totals(&fixture, &lease).await, (4, 1));
    fixture.assert_invariants().await;
}

async fn a_letter_of_an_owner_that_takes_nothing_stays_open(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = filled(&fixture).await;
    let letter = id(&lease, 3);
    for is in [OwnerState::Blocked, OwnerState::Deleted] {
        fixture.change("1", change_state(is)).await;
        let answer = fixture
            .store
            .replay_dead_letter(letter, status("1", "s", 3));
        assert_eq!(answer.await.unwrap(), LetterAnswer::OwnerIs(is));
    }
    assert_eq!(state(&fixture, letter).await, DeadLetterState::Open);
    assert_eq!(totals(&fixture, &lease).await, (3, 2));
    fixture.assert_invariants().await;
}

async fn a_discarded_letter_stays_dead_in_the_totals_and_is_not_replayed(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = filled(&fixture).await;
    let (store, letter) = (&fixture.store, id(&lease, 3));
    let answer = store.discard_dead_letter(letter).await;
    assert_eq!(answer.unwrap(), LetterAnswer::Done);
    assert_eq!(state(&fixture, letter).await, DeadLetterState::Discarded);
    assert_eq!(totals(&fixture, &lease).await, (3, 2));
    let discarded = LetterAnswer::NotOpen(DeadLetterState::Discarded);
    let replay = store.replay_dead_letter(letter, status("1", "s", 3)).await;
    assert_eq!(replay.unwrap(), discarded);
    let nowhere = DeadLetterId {
        partition_id: PartitionId(99),
        ..letter
    };
    let answer = store.discard_dead_letter(nowhere).await;
    assert_eq!(answer.unwrap(), LetterAnswer::NotFound);
    fixture.assert_invariants().await;
}

on_both!(
    a_replayed_letter_is_a_status_at_its_own_place_once,
    two_who_replay_one_letter_at_once_store_it_once,
    a_letter_of_an_owner_that_takes_nothing_stays_open,
    a_discarded_letter_stays_dead_in_the_totals_and_is_not_replayed,
);
