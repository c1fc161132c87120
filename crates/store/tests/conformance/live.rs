//! What a process commits is shown to those who listen, and to nobody at the commit's expense.

use std::sync::Arc;

use rollcall_model::OwnerState;
use rollcall_store::{LiveFilter, LiveRows, StatusRow};

use crate::fixture::{Fixture, On, change_state, owner_id, status, sub_owner_id};

fn read(shown: &LiveRows) -> Vec<StatusRow> {
    let rows = shown.rows.iter();
    rows.map(|row| serde_json::from_str(row.json()).unwrap())
        .collect()
}

fn everything() -> LiveFilter {
    LiveFilter::default()
}

async fn what_is_committed_is_shown_once_with_its_exact_data(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    fixture.enter(&["1", "2"]).await;
    let live = fixture.store.live_statuses(everything());
    let mut batch = lease.batch(-1, 1);
    batch.statuses = vec![status("1", "s", 0), status("2", "s", 1)];
    let batch = Arc::new(batch);
    fixture.commit(vec![Arc::clone(&batch)]).await;
    let shown = live.next().await;
    assert_eq!(shown.passed_over, 0);
    let rows = read(&shown);
    let numbers: Vec<i64> = rows.iter().map(|it| it.sequence_number.0).collect();
    assert_eq!(numbers, [0, 1]);
    for (row, status) in rows.iter().zip(&batch.statuses) {
        assert_eq!(row.data.get(), &*status.data);
        assert_eq!(row.owner_id, status.owner_id);
    }
    // The same batch again stores nothing, so it shows nothing: the next commit is seen first.
    fixture.commit(vec![batch]).await;
    let mut next = lease.batch(1, 2);
    next.statuses = vec![status("1", "s", 2)];
    fixture.commit_one(next).await;
    let shown = live.next().await;
    assert_eq!(shown.rows.len(), 1);
    assert_eq!(read(&shown)[0].sequence_number.0, 2);
}

async fn a_filter_lets_through_one_owner_or_one_sub_owner(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    fixture.enter(&["1", "2"]).await;
    let of_owner = fixture.store.live_statuses(LiveFilter {
        owner_id: Some(owner_id("2")),
        sub_owner_id: None,
    });
    let of_sub_owner = fixture.store.live_statuses(LiveFilter {
        owner_id: Some(owner_id("1")),
        sub_owner_id: Some(sub_owner_id("s")),
    });
    let mut batch = lease.batch(-1, 1);
    batch.statuses = vec![status("1", "s", 0), status("2", "s", 1)];
    fixture.commit_one(batch).await;
    let shown = of_owner.next().await;
    assert_eq!((shown.rows.len(), shown.passed_over), (1, 0));
    assert_eq!(read(&shown)[0].owner_id, owner_id("2"));
    let shown = of_sub_owner.next().await;
    assert_eq!(shown.rows.len(), 1);
    assert_eq!(read(&shown)[0].owner_id, owner_id("1"));
}

async fn who_does_not_look_is_told_how_many_were_passed_over(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    fixture.enter(&["1"]).await;
    let live = fixture.store.live_statuses(everything());
    let mut batch = lease.batch(-1, 299);
    batch.statuses = (0..300).map(|number| status("1", "s", number)).collect();
    fixture.commit_one(batch).await;
    let shown = live.next().await;
    assert_eq!((shown.rows.len(), shown.passed_over), (100, 200));
    let mut batch = lease.batch(299, 300);
    batch.statuses = vec![status("1", "s", 300)];
    fixture.commit_one(batch).await;
    let shown = live.next().await;
    assert_eq!((shown.rows.len(), shown.passed_over), (1, 0));
}

async fn what_several_see_is_made_into_text_once(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    fixture.enter(&["1"]).await;
    let of_owner = LiveFilter {
        owner_id: Some(owner_id("1")),
        sub_owner_id: None,
    };
    let seats = [everything(), everything(), of_owner].map(|it| fixture.store.live_statuses(it));
    let mut batch = lease.batch(-1, 0);
    batch.statuses = vec![status("1", "s", 0)];
    fixture.commit_one(batch).await;
    let [first, second, third] = &seats;
    let (first, second, third) = tokio::join!(first.next(), second.next(), third.next());
    let text = first.rows[0].json();
    for other in [second, third] {
        assert!(std::ptr::eq(text, other.rows[0].json()));
    }
}

async fn what_the_commit_drops_is_not_shown(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    fixture.enter(&["1", "2"]).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    let live = fixture.store.live_statuses(everything());
    let mut batch = lease.batch(-1, 1);
    batch.statuses = vec![status("1", "s", 0), status("2", "s", 1)];
    fixture.commit_one(batch).await;
    let shown = live.next().await;
    assert_eq!(shown.rows.len(), 1);
    assert_eq!(read(&shown)[0].owner_id, owner_id("2"));
}

on_both!(
    what_is_committed_is_shown_once_with_its_exact_data,
    a_filter_lets_through_one_owner_or_one_sub_owner,
    who_does_not_look_is_told_how_many_were_passed_over,
    what_several_see_is_made_into_text_once,
    what_the_commit_drops_is_not_shown,
);
