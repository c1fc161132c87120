//! Statuses of pending owners: how many are held, and where they go once somebody has decided.

use std::sync::Arc;

use rollcall_model::{DropReason, OwnerState, SubOwnerState};
use rollcall_store::{
    Batch, Config, Newcomer, OwnerFilter, OwnerPatch, PendingOwner, PendingStatuses, Settled, Store,
};

use crate::fixture::{
    Fixture, Lease, On, at, change_state, drops, newcomer, owner_id, settings, status, sub_owner_id,
};

async fn enter_pending(fixture: &Fixture, owner: &str) {
    let pending = Newcomer {
        state: OwnerState::Pending,
        ..newcomer(owner, &["s"])
    };
    fixture.provision(vec![pending]).await;
}

/// A batch whose statuses are all of a pending owner.
fn held(lease: &Lease, owner: &str, after: i64, upto: i64) -> Arc<Batch> {
    let mut batch = lease.batch(after, upto);
    batch.held = (after + 1..=upto).map(|n| status(owner, "s", n)).collect();
    Arc::new(batch)
}

/// The fixture's database as a store with this policy sees it.
async fn store_with(fixture: &Fixture, pending_statuses: PendingStatuses) -> Store {
    let config = Config {
        pending_statuses,
        ..fixture.config.clone()
    };
    let opened = Store::open_with_clock(config, fixture.clock.clone());
    opened.await.unwrap()
}

async fn settle_all(store: &Store, owner: &str) -> Vec<Settled> {
    let mut chunks = Vec::new();
    loop {
        let settled = store.settle_held(&owner_id(owner)).await.unwrap();
        if settled.total() == 0 {
            return chunks;
        }
        chunks.push(settled);
    }
}

async fn so_many_are_held_and_the_others_dropped(on: On) {
    let fixture = Fixture::new(on).await;
    let store = store_with(&fixture, PendingStatuses::Hold { per_owner: 5 }).await;
    enter_pending(&fixture, "1").await;
    let lease = fixture.lease().await;
    store.commit(vec![held(&lease, "1", -1, 2)]).await.unwrap();
    let row = fixture.partition(&lease).await;
    assert_eq!((row.held, row.dropped.total()), (3, 0));
    // A directory that takes the owner for active makes no difference.
    let more = vec![lease.filled("1", 2, 4), held(&lease, "1", 4, 9)];
    store.commit(more).await.unwrap();
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.held), (0, 5));
    assert_eq!(row.dropped, drops(&[(DropReason::HeldLimit, 5)]));
    fixture.assert_invariants().await;
}

async fn a_decision_is_made_by_count_partitions_and_a_sample(on: On) {
    let fixture = Fixture::new(on).await;
    for owner in ["1", "2", "3"] {
        enter_pending(&fixture, owner).await;
    }
    fixture.enter(&["4"]).await;
    let third = fixture.lease().await;
    let tenth = fixture.lease_of(third.stream_id, 10, "a").await;
    let batches = vec![
        held(&third, "1", -1, 2),
        held(&third, "2", 2, 3),
        held(&tenth, "1", -1, 0),
    ];
    fixture.commit(batches).await;
    let all = OwnerFilter::default();
    let first = fixture.store.list_pending_owners(&all, 2, None);
    let first = first.await.unwrap();
    let of = |pending: &PendingOwner| {
        let partitions = pending.held.partitions.iter().map(|id| id.0).collect();
        (pending.held.held, partitions)
    };
    let found: Vec<(u64, Vec<u32>)> = first.items.iter().map(of).collect();
    assert_eq!(found, [(4, vec![3, 10]), (1, vec![3])]);
    let sample = first.items[0].held.sample.as_ref().unwrap();
    assert_eq!(sample.sub_owner_id.as_str(), "s");
    assert_eq!((sample.enqueued_at, sample.data.get()), (at(0), "0"));
    let cursor = first.next_cursor.as_deref();
    let rest = fixture.store.list_pending_owners(&all, 2, cursor);
    let rest = rest.await.unwrap();
    assert_eq!(rest.items.len(), 1, "4 is active");
    let (held, partitions): (u64, Vec<u32>) = of(&rest.items[0]);
    assert_eq!((held, partitions.len()), (0, 0));
    assert!(rest.items[0].held.sample.is_none());
    let some = OwnerFilter {
        q: Some("2".to_owned()),
        // Only pending ones are meant, whatever this says.
        state: Some(OwnerState::Active),
        ..OwnerFilter::default()
    };
    let found = fixture.store.list_pending_owners(&some, 9, None);
    let found = found.await.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].owner.owner_id, owner_id("2"));
}

async fn two_that_hold_at_once_keep_the_limit(on: On) {
    let fixture = Fixture::new(on).await;
    let limit = PendingStatuses::Hold { per_owner: 50 };
    let stores = [
        store_with(&fixture, limit).await,
        store_with(&fixture, limit).await,
    ];
    for owner in ["1", "2"] {
        enter_pending(&fixture, owner).await;
    }
    let first = fixture.lease().await;
    let second = fixture.lease_of(first.stream_id, 4, "a").await;
    let commit = async |store: &Store, lease: &Lease| {
        for round in 0..10 {
            let after = round * 20 - 1;
            let mut batch = lease.batch(after, after + 20);
            let statuses = (after + 1..=after + 20).map(|n| {
                let owner = ["1", "2"][usize::try_from(n % 2).unwrap()];
                status(owner, "s", n)
            });
            batch.held = statuses.collect();
            store.commit(vec![Arc::new(batch)]).await.unwrap();
        }
    };
    tokio::join!(commit(&stores[0], &first), commit(&stores[1], &second));
    let rows = [
        fixture.partition(&first).await,
        fixture.partition(&second).await,
    ];
    assert_eq!(rows.iter().map(|row| row.held).sum::<u64>(), 100);
    let dropped = rows.iter().map(|row| row.dropped.total());
    assert_eq!(dropped.sum::<u64>(), 300);
    fixture.assert_invariants().await;
}

async fn without_holding_they_are_dropped(on: On) {
    let fixture = Fixture::new(on).await;
    let store = store_with(&fixture, PendingStatuses::Drop).await;
    enter_pending(&fixture, "1").await;
    let lease = fixture.lease().await;
    store.commit(vec![held(&lease, "1", -1, 2)]).await.unwrap();
    let row = fixture.partition(&lease).await;
    assert_eq!(row.held, 0);
    assert_eq!(row.dropped, drops(&[(DropReason::Pending, 3)]));
    fixture.assert_invariants().await;
}

async fn approval_stores_what_is_held_by_the_settings_of_then(on: On) {
    const HELD: i64 = 2_500;
    let fixture = Fixture::new(on).await;
    enter_pending(&fixture, "1").await;
    enter_pending(&fixture, "2").await;
    let lease = fixture.lease().await;
    let last = HELD - 1;
    let batches = vec![held(&lease, "1", -1, last), held(&lease, "2", last, HELD)];
    fixture.commit(batches).await;
    let store = &fixture.store;
    assert!(settle_all(store, "1").await.is_empty(), "it is pending");
    assert!(store.owners_to_settle(10).await.unwrap().is_empty());

    let approval = OwnerPatch {
        settings: Some(settings(r#"{"gain":10}"#)),
        ..change_state(OwnerState::Active)
    };
    fixture.change("1", approval).await;
    assert_eq!(store.owners_to_settle(10).await.unwrap(), [owner_id("1")]);
    let chunks: Vec<u64> = settle_all(store, "1")
        .await
        .iter()
        .map(|it| it.stored)
        .collect();
    assert_eq!(chunks, [2_000, 500]);
    assert!(store.owners_to_settle(10).await.unwrap().is_empty());
    let latest = fixture.latest("1", "s").await.unwrap();
    assert_eq!(latest.sequence_number.0, last);
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.held), (HELD.unsigned_abs(), 1));
    let value = latest.data.get().parse::<f64>().unwrap() * 10.0;
    assert_eq!((latest.value, latest.version), (Some(value), 2));
    fixture.assert_invariants().await;
}

async fn blocking_and_deleting_make_drops_of_what_is_held(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    for (owner, after, state) in [
        ("1", -1, OwnerState::Blocked),
        ("2", 2, OwnerState::Deleted),
    ] {
        enter_pending(&fixture, owner).await;
        fixture
            .commit(vec![held(&lease, owner, after, after + 3)])
            .await;
        fixture.change(owner, change_state(state)).await;
        let settled = settle_all(&fixture.store, owner).await;
        let dropped = Settled {
            stored: 0,
            dropped: 3,
        };
        assert_eq!(settled, [dropped]);
    }
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.held), (0, 0));
    let reasons = [(DropReason::Blocked, 3), (DropReason::Deleted, 3)];
    assert_eq!(row.dropped, drops(&reasons));
    fixture.assert_invariants().await;
}

async fn what_is_held_of_a_deleted_sub_owner_is_dropped_on_approval(on: On) {
    let fixture = Fixture::new(on).await;
    let pending = Newcomer {
        state: OwnerState::Pending,
        ..newcomer("1", &["gone", "s"])
    };
    fixture.provision(vec![pending]).await;
    let lease = fixture.lease().await;
    let mut batch = lease.batch(-1, 4);
    batch.held = (0..=4)
        .map(|n| status("1", if n < 2 { "gone" } else { "s" }, n))
        .collect();
    fixture.commit(vec![Arc::new(batch)]).await;
    let deletion = OwnerPatch {
        sub_owner_state: Some((sub_owner_id("gone"), SubOwnerState::Deleted)),
        changed_by: "test".to_owned(),
        ..OwnerPatch::default()
    };
    fixture.change("1", deletion).await;
    fixture.change("1", change_state(OwnerState::Active)).await;
    let settled = Settled {
        stored: 3,
        dropped: 2,
    };
    assert_eq!(settle_all(&fixture.store, "1").await, [settled]);
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.held), (3, 0));
    assert_eq!(row.dropped, drops(&[(DropReason::Deleted, 2)]));
    assert!(fixture.latest("1", "gone").await.is_none());
    fixture.assert_invariants().await;
}

async fn nodes_that_settle_at_once_store_each_once(on: On) {
    const HELD: i64 = 5_000;
    let fixture = Fixture::new(on).await;
    enter_pending(&fixture, "1").await;
    let lease = fixture.lease().await;
    fixture.commit(vec![held(&lease, "1", -1, HELD - 1)]).await;
    fixture.change("1", change_state(OwnerState::Active)).await;
    let others = [fixture.other_store().await, fixture.other_store().await];
    let (a, b, c) = tokio::join!(
        settle_all(&fixture.store, "1"),
        settle_all(&others[0], "1"),
        settle_all(&others[1], "1"),
    );
    let stored = [a, b, c].iter().flatten().map(|it| it.stored).sum::<u64>();
    assert_eq!(stored, HELD.unsigned_abs());
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.held), (stored, 0));
    fixture.assert_invariants().await;
}

async fn only_what_was_of_a_deleted_owner_is_erased(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2"]).await;
    let lease = fixture.lease().await;
    let batches = vec![
        lease.filled("1", -1, 5_999),
        lease.filled("2", 5_999, 6_002),
    ];
    fixture.commit(batches).await;
    let erase = async |owner: &str| {
        let owner_id = owner_id(owner);
        fixture.store.erase_statuses(&owner_id).await.unwrap()
    };
    assert_eq!(erase("1").await, 0, "it is not deleted");
    fixture.change("1", change_state(OwnerState::Deleted)).await;
    assert_eq!([erase("1").await, erase("1").await], [5_000, 1_000]);
    assert_eq!(erase("1").await, 0);
    assert_eq!(fixture.numbers("1").await, [0_i64; 0]);
    assert!(fixture.latest("1", "s").await.is_none());
    assert_eq!(fixture.numbers("2").await.len(), 3);
    let row = fixture.partition(&lease).await;
    assert_eq!((row.stored, row.removed), (6_003, 6_000));
    fixture.assert_invariants().await;
}

on_both!(
    so_many_are_held_and_the_others_dropped,
    a_decision_is_made_by_count_partitions_and_a_sample,
    two_that_hold_at_once_keep_the_limit,
    without_holding_they_are_dropped,
    approval_stores_what_is_held_by_the_settings_of_then,
    blocking_and_deleting_make_drops_of_what_is_held,
    what_is_held_of_a_deleted_sub_owner_is_dropped_on_approval,
    nodes_that_settle_at_once_store_each_once,
    only_what_was_of_a_deleted_owner_is_erased,
);
