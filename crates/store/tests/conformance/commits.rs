//! The commit: data and checkpoint together, by the position rule and the owners' states.

use std::sync::Arc;

use rollcall_model::{DropReason, OwnerState, SequenceNumber};
use rollcall_store::{
    Answer, DeadLetterFilter, Gap, GapReason, Kind, Newcomer, OwnerPatch, Refusal,
};

use crate::fixture::{
    Fixture, Lease, On, change_state, dead_letter, drops, newcomer, owner_id, settings, span,
    status,
};

/// Ten numbers, one of each fate and the rest statuses; owner `1` is active, `2` pending.
async fn mixed(fixture: &Fixture, lease: &Lease) -> rollcall_store::Batch {
    fixture.enter(&["1"]).await;
    let pending = Newcomer {
        state: OwnerState::Pending,
        ..newcomer("2", &["s"])
    };
    fixture.provision(vec![pending]).await;
    let mut batch = lease.batch(-1, 9);
    batch.statuses = (0..4).map(|number| status("1", "s", number)).collect();
    batch.held = vec![status("2", "s", 4)];
    batch.dead = vec![dead_letter(5)];
    batch.drops = drops(&[(DropReason::Denied, 2)]);
    batch.gaps = vec![Gap {
        span: span(7, 9),
        reason: GapReason::Missing,
    }];
    batch
}

async fn a_batch_is_stored_with_its_checkpoint_and_every_total(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    let batch = mixed(&fixture, &lease).await;
    fixture.commit_one(batch).await;
    let row = fixture.partition(&lease).await;
    assert_eq!(row.first_sequence_number, Some(SequenceNumber(0)));
    assert_eq!(row.sequence_number, Some(SequenceNumber(9)));
    assert_eq!((row.stored, row.held, row.dead), (4, 1, 1));
    assert_eq!(row.dropped, drops(&[(DropReason::Denied, 2)]));
    assert_eq!(fixture.numbers("1").await, [0, 1, 2, 3]);
    assert_eq!(fixture.numbers("2").await, [0_i64; 0]);
    fixture.assert_invariants().await;
}

async fn a_batch_that_is_sent_again_is_committed_and_nothing_is_stored_twice(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    let batch = Arc::new(mixed(&fixture, &lease).await);
    let first = fixture.commit(vec![batch.clone(), batch.clone()]).await;
    assert_eq!(first, [Answer::Committed; 2]);
    // Under another lease as well: the answer of a displaced reader was lost.
    fixture.claim(lease.stream_id, 3, "b").await;
    assert_eq!(fixture.commit(vec![batch]).await, [Answer::Committed]);
    assert_eq!(fixture.partition(&lease).await.stored, 4);
    assert_eq!(fixture.numbers("1").await.len(), 4);
    fixture.assert_invariants().await;
}

async fn a_refused_partition_does_not_hinder_the_others(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let stale = fixture.lease().await;
    let lease = fixture.lease_of(stale.stream_id, 10, "a").await;
    let renewed = fixture.claim(stale.stream_id, 3, "b").await;
    let answers = fixture
        .commit(vec![
            stale.filled("1", -1, 4),
            lease.filled("1", -1, 2),
            lease.filled("1", 2, 5),
            stale.filled("1", 4, 6),
        ])
        .await;
    let refused = Answer::Refused(Refusal::StaleEpoch {
        epoch: renewed.epoch(),
    });
    let committed = Answer::Committed;
    assert_eq!(answers, [refused, committed, committed, refused]);
    assert_eq!(fixture.partition(&stale).await.stored, 0);
    assert_eq!(fixture.partition(&lease).await.stored, 6);
    fixture.assert_invariants().await;
}

async fn a_batch_that_leaves_a_hole_or_overlaps_is_misplaced(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    fixture.commit(vec![lease.filled("1", -1, 4)]).await;
    let misplaced = Answer::Refused(Refusal::Misplaced {
        stored: Some(SequenceNumber(4)),
    });
    for (after, upto) in [(5, 9), (3, 9), (-1, 9)] {
        let answers = fixture.commit(vec![lease.filled("1", after, upto)]).await;
        assert_eq!(answers, [misplaced], "({after}, {upto}]");
    }
    assert_eq!(fixture.numbers("1").await, [0, 1, 2, 3, 4]);
    fixture.assert_invariants().await;
}

async fn rows_of_blocked_and_deleted_owners_become_drops(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2", "3"]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 4);
    batch.statuses = vec![
        status("1", "s", 0),
        status("2", "s", 1),
        status("3", "s", 2),
        status("2", "s", 3),
    ];
    batch.drops = drops(&[(DropReason::Blocked, 1)]);
    fixture.change("2", change_state(OwnerState::Blocked)).await;
    fixture.change("3", change_state(OwnerState::Deleted)).await;
    fixture.commit_one(batch).await;
    let row = fixture.partition(&lease).await;
    let expected = [(DropReason::Blocked, 3), (DropReason::Deleted, 1)];
    assert_eq!((row.stored, row.dropped), (1, drops(&expected)));
    fixture.assert_invariants().await;
}

async fn rows_of_an_owner_that_is_pending_by_now_are_held(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    fixture.change("1", change_state(OwnerState::Pending)).await;
    let answers = fixture.commit(vec![lease.filled("1", -1, 2)]).await;
    assert_eq!(answers, [Answer::Committed]);
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.held), (0, 3));
    fixture.assert_invariants().await;
}

async fn held_rows_of_an_owner_that_is_active_by_now_are_calibrated_and_stored(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    let batch = mixed(&fixture, &lease).await;
    let approval = OwnerPatch {
        settings: Some(settings(r#"{"gain":10,"sub_owners":{"s":{"offset":0.5}}}"#)),
        ..change_state(OwnerState::Active)
    };
    fixture.change("2", approval).await;
    fixture.commit_one(batch).await;
    let rows = fixture.statuses("2").await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].value, rows[0].version), (Some(40.5), 2));
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.held), (5, 0));
    fixture.assert_invariants().await;
}

async fn a_batch_that_does_not_add_up_is_a_defect_and_costs_no_transaction(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let filled = |numbers: &[i64]| {
        let mut batch = lease.batch(-1, 4);
        batch.statuses = numbers.iter().map(|n| status("1", "s", *n)).collect();
        batch
    };
    let mut gap_over_row = filled(&[0, 1, 2]);
    gap_over_row.gaps = vec![Gap {
        span: span(1, 3),
        reason: GapReason::Retention,
    }];
    let faulty = [
        (filled(&[0, 1, 2, 3]), "4 numbers"),
        (filled(&[0, 1, 2, 3, 3]), "number 3 stands in it twice"),
        (filled(&[0, 1, 2, 3, 5]), "number 5 lies outside"),
        (gap_over_row, "has a row in it"),
    ];
    for (batch, expected) in faulty {
        let error = fixture.store.commit(vec![Arc::new(batch)]).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, Kind::Defect);
        let text = error.source.unwrap().to_string();
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(fixture.partition(&lease).await.stored, 0);
}

async fn a_status_of_an_owner_that_is_not_on_the_roll_is_a_defect(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let error = fixture.store.commit(vec![
        lease.filled("1", -1, 4),
        lease.filled("unknown", 4, 5),
    ]);
    let error = error.await.unwrap_err();
    assert_eq!(error.kind, Kind::Defect);
    assert_eq!(error.operation, "commit partition 3 (-1, 4] and 1 more");
    assert_eq!(fixture.partition(&lease).await.stored, 0);
    assert_eq!(
        fixture.store.owner(&owner_id("unknown")).await.unwrap(),
        None
    );
}

async fn data_is_stored_as_the_exact_text_and_bodies_as_the_exact_bytes(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let texts = [r#"{"b": 1.10, "a":"\u0000ü"}"#, "null", "1e2", r#""'';--""#];
    let mut batch = lease.batch(-1, 4);
    batch.statuses = (0_i64..)
        .zip(texts)
        .map(|(number, text)| {
            let mut status = status("1", "s", number);
            status.data = text.into();
            status.value = (number % 2 == 0).then_some(0.1 + 0.2);
            status
        })
        .collect();
    batch.dead = vec![dead_letter(4)];
    fixture.commit_one(batch).await;
    let rows = fixture.statuses("1").await;
    let stored: Vec<_> = rows.iter().map(|row| row.data.get()).collect();
    assert_eq!(stored, texts);
    let values: Vec<_> = rows.iter().map(|row| row.value).collect();
    assert_eq!(values, [Some(0.1 + 0.2), None, Some(0.1 + 0.2), None]);
    let letters = fixture
        .store
        .list_dead_letters(DeadLetterFilter::default(), 9, None);
    let letters = letters.await.unwrap().items;
    assert_eq!(letters[0].body, [0, 159, 146, 150]);
    let letter = fixture.store.dead_letter(&letters[0].id).await.unwrap();
    assert_eq!(letter.unwrap().sequence_number, SequenceNumber(4));
    fixture.assert_invariants().await;
}

async fn a_group_larger_than_every_chunk_is_stored_whole(on: On) {
    let fixture = Fixture::new(on).await;
    let owners: Vec<String> = (0..700).map(|number| format!("o{number}")).collect();
    let names: Vec<&str> = owners.iter().map(String::as_str).collect();
    fixture.enter(&names).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 1_499);
    batch.statuses = (0..1_000)
        .map(|number| {
            status(
                names[usize::try_from(number * 7 % 700).unwrap()],
                "s",
                number,
            )
        })
        .collect();
    batch.dead = (1_000..1_500).map(dead_letter).collect();
    fixture.commit_one(batch).await;
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.dead), (1_000, 500));
    fixture.assert_invariants().await;
}

on_both! {
    a_batch_is_stored_with_its_checkpoint_and_every_total,
    a_batch_that_is_sent_again_is_committed_and_nothing_is_stored_twice,
    a_refused_partition_does_not_hinder_the_others,
    a_batch_that_leaves_a_hole_or_overlaps_is_misplaced,
    rows_of_blocked_and_deleted_owners_become_drops,
    rows_of_an_owner_that_is_pending_by_now_are_held,
    held_rows_of_an_owner_that_is_active_by_now_are_calibrated_and_stored,
    a_batch_that_does_not_add_up_is_a_defect_and_costs_no_transaction,
    a_status_of_an_owner_that_is_not_on_the_roll_is_a_defect,
    data_is_stored_as_the_exact_text_and_bodies_as_the_exact_bytes,
    a_group_larger_than_every_chunk_is_stored_whole,
}
