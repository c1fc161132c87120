//! Lists: filters, pages, cursors.

use std::time::Duration;

use rollcall_model::{DeadReason, OwnerId, OwnerState, PartitionId, SubOwnerState};
use rollcall_store::{
    DeadLetterFilter, DeadLetterState, EventFilter, Kind, Order, OwnerFilter, OwnerPatch,
    OwnerSort, StatusRange, Store,
};

use crate::fixture::{
    Fixture, On, at, change_state, dead_letter, newcomer, owner_id, sub_owner_id,
};

fn id(owner: &rollcall_model::Owner) -> String {
    owner.owner_id.to_string()
}

/// All ids that the filter shows, read two at a time.
async fn owner_ids(store: &Store, filter: &OwnerFilter) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store
            .list_owners(filter, 2, cursor.as_deref())
            .await
            .unwrap();
        assert!(page.items.len() <= 2);
        ids.extend(page.items.iter().map(id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return ids;
        }
    }
}

fn q(part: &str) -> OwnerFilter {
    OwnerFilter {
        q: Some(part.to_owned()),
        ..OwnerFilter::default()
    }
}

async fn owners_are_paged_by_id_and_found_by_part_of_id_or_name(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    fixture
        .enter(&["Zürich 1", "a_b", "a%b", "axb", "10"])
        .await;
    let named = OwnerPatch {
        display_name: Some(Some("ÄPFEL GmbH".to_owned())),
        ..OwnerPatch::default()
    };
    fixture.change("10", named).await;
    fixture
        .change("axb", change_state(OwnerState::Blocked))
        .await;

    let all = owner_ids(store, &OwnerFilter::default()).await;
    assert_eq!(all, ["10", "Zürich 1", "a%b", "a_b", "axb"]);
    assert_eq!(owner_ids(store, &q("zÜR")).await, ["Zürich 1"]);
    assert_eq!(owner_ids(store, &q("äpfel")).await, ["10"]);
    assert_eq!(owner_ids(store, &q("a_")).await, ["a_b"]);
    assert_eq!(owner_ids(store, &q("%")).await, ["a%b"]);
    let blocked = OwnerFilter {
        q: Some("a".to_owned()),
        state: Some(OwnerState::Blocked),
        ..OwnerFilter::default()
    };
    assert_eq!(owner_ids(store, &blocked).await, ["axb"]);
}

async fn owners_are_paged_by_when_they_were_entered(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    // Those of one transaction are of one moment.
    for owners in [&["m", "b", "x"][..], &["a"], &["z", "c"]] {
        fixture.enter(owners).await;
        fixture.advance(Duration::from_secs(1)).await;
    }
    let by = |sort| OwnerFilter {
        sort,
        ..OwnerFilter::default()
    };
    for (sort, due) in [
        (OwnerSort::Id, ["a", "b", "c", "m", "x", "z"]),
        (OwnerSort::IdFalling, ["z", "x", "m", "c", "b", "a"]),
        (OwnerSort::Created, ["b", "m", "x", "a", "c", "z"]),
        (OwnerSort::CreatedFalling, ["z", "c", "a", "x", "m", "b"]),
    ] {
        assert_eq!(owner_ids(store, &by(sort)).await, due, "{sort:?}");
    }
    let (by_creation, by_id) = (by(OwnerSort::Created), by(OwnerSort::Id));
    let first = store.list_owners(&by_creation, 2, None).await.unwrap();
    let cursor = first.next_cursor.as_deref();
    let other = store.list_owners(&by_id, 2, cursor).await;
    assert_eq!(other.unwrap_err().kind, Kind::BadCursor);
}

async fn a_page_survives_inserts_before_it(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["b", "d", "f"]).await;
    let all = OwnerFilter::default();
    let first = fixture.store.list_owners(&all, 2, None).await.unwrap();
    fixture.enter(&["a", "c", "e"]).await;
    let cursor = first.next_cursor.as_deref();
    let second = fixture.store.list_owners(&all, 9, cursor).await.unwrap();
    assert_eq!(second.items.iter().map(id).collect::<Vec<_>>(), ["e", "f"]);
}

async fn sub_owners_are_paged_within_their_owner(on: On) {
    let fixture = Fixture::new(on).await;
    let asked = vec![newcomer("1", &["c", "a", "b"]), newcomer("2", &["d"])];
    fixture.provision(asked).await;
    let owner = owner_id("1");
    let first = fixture
        .store
        .list_sub_owners(&owner, 2, None)
        .await
        .unwrap();
    let cursor = first.next_cursor.as_deref();
    let second = fixture
        .store
        .list_sub_owners(&owner, 2, cursor)
        .await
        .unwrap();
    let ids: Vec<_> = first.items.iter().chain(&second.items).collect();
    let ids: Vec<_> = ids.iter().map(|sub| sub.sub_owner_id.as_str()).collect();
    assert_eq!((ids, second.next_cursor), (vec!["a", "b", "c"], None));
}

async fn numbers(store: &Store, owner: &OwnerId, range: StatusRange) -> Vec<i64> {
    let mut numbers = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let sub_owner = sub_owner_id("s");
        let page = store.list_statuses(owner, &sub_owner, range, 3, cursor.as_deref());
        let page = page.await.unwrap();
        numbers.extend(page.items.iter().map(|row| row.sequence_number.0));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return numbers;
        }
    }
}

async fn statuses_are_paged_in_both_orders_and_within_a_range(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2"]).await;
    let lease = fixture.lease().await;
    fixture
        .commit(vec![lease.filled("1", -1, 7), lease.filled("2", 7, 9)])
        .await;
    let owner = owner_id("1");
    let newest = numbers(&fixture.store, &owner, StatusRange::default()).await;
    assert_eq!(newest, [7, 6, 5, 4, 3, 2, 1, 0]);
    let range = StatusRange {
        from: Some(at(2)),
        to: Some(at(6)),
        order: Order::OldestFirst,
    };
    assert_eq!(numbers(&fixture.store, &owner, range).await, [2, 3, 4, 5]);
}

async fn statuses_of_one_moment_are_paged_without_loss(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let mut batch = std::sync::Arc::unwrap_or_clone(lease.filled("1", -1, 7));
    for status in &mut batch.statuses {
        (status.status_at, status.enqueued_at) = (at(1), at(1));
    }
    fixture.commit_one(batch).await;
    let owner = owner_id("1");
    let newest = numbers(&fixture.store, &owner, StatusRange::default()).await;
    assert_eq!(newest, [7, 6, 5, 4, 3, 2, 1, 0]);
}

async fn dead_letters_are_paged_by_place(on: On) {
    let fixture = Fixture::new(on).await;
    let ninth = fixture.lease().await;
    let tenth = fixture.lease_of(ninth.stream_id, 10, "a").await;
    for lease in [&tenth, &ninth] {
        let mut batch = lease.batch(-1, 1);
        batch.dead = vec![dead_letter(0), dead_letter(1)];
        fixture.commit_one(batch).await;
    }
    let open = DeadLetterFilter {
        state: Some(DeadLetterState::Open),
        ..DeadLetterFilter::default()
    };
    let first = fixture
        .store
        .list_dead_letters(open, 3, None)
        .await
        .unwrap();
    let cursor = first.next_cursor.as_deref();
    let second = fixture
        .store
        .list_dead_letters(open, 3, cursor)
        .await
        .unwrap();
    let ids: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|row| row.id.as_str())
        .collect();
    assert_eq!(ids, ["1-3-0", "1-3-1", "1-10-0", "1-10-1"]);
    let discarded = DeadLetterFilter {
        state: Some(DeadLetterState::Discarded),
        ..DeadLetterFilter::default()
    };
    let none = fixture
        .store
        .list_dead_letters(discarded, 3, None)
        .await
        .unwrap();
    assert_eq!(none.items.len(), 0);
    let of = async |reason, partition: u32| {
        let filter = DeadLetterFilter {
            state: None,
            reason: Some(reason),
            partition_id: Some(PartitionId(partition)),
        };
        let listed = fixture.store.list_dead_letters(filter, 9, None).await;
        listed.unwrap().items.len()
    };
    assert_eq!(of(DeadReason::NotJson, 10).await, 2);
    assert_eq!(of(DeadReason::NotJson, 9).await, 0);
    assert_eq!(of(DeadReason::Poison, 10).await, 0);
    for unknown in ["", "1-3", "1-3-9", "a-b-c", "1-3-0-0"] {
        let letter = fixture.store.dead_letter(unknown).await.unwrap();
        assert!(letter.is_none(), "{unknown}");
    }
}

async fn events_are_paged_oldest_first(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["b"]).await;
    fixture.enter(&["a"]).await;
    let first = fixture
        .store
        .list_events(&EventFilter::default(), 3, None)
        .await
        .unwrap();
    let cursor = first.next_cursor.as_deref();
    let second = fixture
        .store
        .list_events(&EventFilter::default(), 3, cursor)
        .await
        .unwrap();
    let subjects: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|e| &*e.subject)
        .collect();
    assert_eq!(subjects, ["b", "b/s", "a", "a/s"]);
    assert_eq!(second.next_cursor, None);
}

async fn a_cursor_that_no_list_gave_is_the_readers_mistake(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2"]).await;
    let all = OwnerFilter::default();
    let owners = fixture.store.list_owners(&all, 1, None).await.unwrap();
    let of_owners = owners.next_cursor.unwrap();
    for cursor in ["", "rubbish!", "AAAA", &of_owners] {
        let error = fixture
            .store
            .list_events(&EventFilter::default(), 1, Some(cursor))
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::BadCursor, "{cursor}");
    }
}

async fn the_summary_names_every_state(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2"]).await;
    fixture.change("2", change_state(OwnerState::Blocked)).await;
    let summary = fixture.store.summary().await.unwrap();
    let counts: Vec<_> = summary.owners.into_iter().collect();
    assert_eq!(
        counts,
        [
            (OwnerState::Active, 1),
            (OwnerState::Pending, 0),
            (OwnerState::Blocked, 1),
            (OwnerState::Deleted, 0),
        ]
    );
    assert_eq!((summary.sub_owners, summary.dead_letters), (2, 0));
}

async fn the_summary_follows_every_change_of_state(on: On) {
    let fixture = Fixture::new(on).await;
    let count = async || {
        fixture.assert_invariants().await;
        let summary = fixture.store.summary().await.unwrap();
        let owners: Vec<u64> = summary.owners.into_values().collect();
        (owners, summary.sub_owners)
    };
    assert_eq!(count().await, (vec![0, 0, 0, 0], 0));
    fixture.enter(&["1", "2", "3"]).await;
    // Who is there already is not counted again.
    fixture.enter(&["3", "4"]).await;
    assert_eq!(count().await, (vec![4, 0, 0, 0], 4));
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    fixture.change("2", change_state(OwnerState::Deleted)).await;
    assert_eq!(count().await, (vec![2, 0, 1, 1], 4));
    fixture.change("2", change_state(OwnerState::Active)).await;
    let sub_owner_goes = OwnerPatch {
        sub_owner_state: Some((sub_owner_id("s"), SubOwnerState::Deleted)),
        ..OwnerPatch::default()
    };
    fixture.change("3", sub_owner_goes).await;
    assert_eq!(count().await, (vec![3, 0, 1, 0], 3));
    fixture.execute("DELETE FROM sub_owners").await;
    fixture.execute("DELETE FROM settings_history").await;
    fixture.execute("DELETE FROM owners").await;
    let summary = fixture.store.summary().await.unwrap();
    assert_eq!(
        (summary.owners[&OwnerState::Active], summary.sub_owners),
        (0, 0)
    );
}

on_both! {
    owners_are_paged_by_id_and_found_by_part_of_id_or_name,
    owners_are_paged_by_when_they_were_entered,
    a_page_survives_inserts_before_it,
    sub_owners_are_paged_within_their_owner,
    statuses_are_paged_in_both_orders_and_within_a_range,
    statuses_of_one_moment_are_paged_without_loss,
    dead_letters_are_paged_by_place,
    events_are_paged_oldest_first,
    a_cursor_that_no_list_gave_is_the_readers_mistake,
    the_summary_names_every_state,
    the_summary_follows_every_change_of_state,
}
