//! Changes between nodes: the feed that misses nothing, and the signals that save waiting.

use std::time::Duration;

use rollcall_model::OwnerState;
use rollcall_store::{ChangeCursor, Changes, Store, Wake, Wakes};
use rollcall_test_servers::Postgres;
use sqlx::{Connection as _, PgConnection};

use crate::fixture::{Fixture, On, change_state, config, newcomer, source};

/// Nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(30);

async fn since(store: &Store, cursor: Option<ChangeCursor>) -> Changes {
    store.changes_since(cursor).await.unwrap()
}

fn names(changes: &Changes) -> Vec<&str> {
    changes.owners.iter().map(|id| id.as_str()).collect()
}

/// Waits for the signal, past others.
async fn expect(wakes: &mut Wakes, wanted: Wake) {
    let heard = async { while wakes.next().await != wanted {} };
    let heard = tokio::time::timeout(PATIENCE, heard).await;
    assert!(heard.is_ok(), "{wanted:?} did not come");
}

/// Listening has begun when this returns.
async fn listen(fixture: &Fixture, store: &Store) -> Wakes {
    let mut wakes = store.wakes();
    if fixture.on == On::Postgres {
        expect(&mut wakes, Wake::Reconnected).await;
    }
    wakes
}

async fn who_begins_is_told_nobody_and_then_whoever_is_changed(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2", "3"]).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    let first = since(&fixture.store, None).await;
    assert_eq!(names(&first), [""; 0]);

    fixture.change("3", change_state(OwnerState::Blocked)).await;
    fixture.change("2", change_state(OwnerState::Blocked)).await;
    fixture.change("2", change_state(OwnerState::Active)).await;
    fixture.enter(&["4"]).await;
    let second = since(&fixture.store, Some(first.cursor)).await;
    assert_eq!(names(&second), ["2", "3"]);
    assert!(!second.past.is_lost_since(&first.past));
    // Of another process as well.
    let other = fixture.other_store().await;
    assert_eq!(names(&since(&other, Some(first.cursor)).await), ["2", "3"]);

    // The server's own transactions may delay it.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut changes = second;
    while !changes.owners.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "told for ever");
        changes = since(&fixture.store, Some(changes.cursor)).await;
    }
}

async fn every_change_wakes_whoever_listens(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    let mut wakes = listen(&fixture, &fixture.store).await;
    fixture.enter(&["1"]).await;
    expect(&mut wakes, Wake::Outbox).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    expect(&mut wakes, Wake::Owners).await;
    let (epoch, incarnation) = (lease.epoch(), lease.tenure.incarnation);
    let (stream, partition) = (lease.stream_id, lease.partition_id);
    let released = fixture
        .store
        .release_partition(stream, partition, epoch, incarnation);
    released.await.unwrap();
    expect(&mut wakes, Wake::Leases).await;
}

async fn who_does_not_come_for_its_signals_is_told_to_look_at_everything(on: On) {
    let fixture = Fixture::new(on).await;
    let mut late = listen(&fixture, &fixture.store).await;
    let mut punctual = fixture.store.wakes();
    for number in 0..100 {
        fixture.enter(&[&number.to_string()]).await;
        expect(&mut punctual, Wake::Outbox).await;
    }
    assert_eq!(late.next().await, Wake::Reconnected);
}

on_both! {
    who_begins_is_told_nobody_and_then_whoever_is_changed,
    every_change_wakes_whoever_listens,
    who_does_not_come_for_its_signals_is_told_to_look_at_everything,
}

/// PostgreSQL's own, as all below: there transactions overlap.
#[tokio::test]
async fn a_change_that_is_committed_late_is_told() {
    let fixture = Fixture::new(On::Postgres).await;
    fixture.enter(&["1", "2"]).await;
    let begun = since(&fixture.store, None).await;
    let url = &fixture.config.url;
    let mut late = PgConnection::connect(url).await.unwrap();
    let mut late = late.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO settings_history (owner_id, version, settings, changed_at, changed_by)
         VALUES ('1', 2, '{}', clock_timestamp(), 'late')",
    )
    .execute(&mut *late)
    .await
    .unwrap();

    fixture.change("2", change_state(OwnerState::Blocked)).await;
    let before = since(&fixture.store, Some(begun.cursor)).await;
    assert_eq!(names(&before), ["2"]);
    let again = since(&fixture.store, Some(before.cursor)).await;
    late.commit().await.unwrap();
    let after = since(&fixture.store, Some(again.cursor)).await;
    assert!(names(&after).contains(&"1"), "{after:?}");
}

#[tokio::test]
async fn another_nodes_change_wakes_only_once_it_is_committed() {
    let fixture = Fixture::new(On::Postgres).await;
    fixture.enter(&["1"]).await;
    let other = fixture.other_store().await;
    let mut wakes = listen(&fixture, &other).await;
    let begun = since(&other, None).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    expect(&mut wakes, Wake::Owners).await;
    assert_eq!(names(&since(&other, Some(begun.cursor)).await), ["1"]);
}

#[tokio::test]
async fn a_listener_whose_connection_is_cut_says_so_and_hears_again() {
    let fixture = Fixture::new(On::Postgres).await;
    fixture.enter(&["1"]).await;
    let mut wakes = listen(&fixture, &fixture.store).await;
    let mut connection = PgConnection::connect(&fixture.config.url).await.unwrap();
    let cut: Vec<bool> = sqlx::query_scalar(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(cut, [true]);
    // Whatever is notified of meanwhile is lost, and looked for after this.
    expect(&mut wakes, Wake::Reconnected).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    expect(&mut wakes, Wake::Owners).await;
}

#[tokio::test]
async fn a_server_that_was_away_is_heard_again() {
    let cluster = Postgres::start().unwrap();
    let store = Store::open(config(&cluster.url())).await.unwrap();
    let mut wakes = store.wakes();
    expect(&mut wakes, Wake::Reconnected).await;
    cluster.stop_immediate().unwrap();
    cluster.start_again().unwrap();
    expect(&mut wakes, Wake::Reconnected).await;
    // The same database, with all that it had.
    let before = since(&store, None).await;
    cluster.restart().unwrap();
    expect(&mut wakes, Wake::Reconnected).await;
    let after = since(&store, Some(before.cursor)).await;
    assert!(!after.past.is_lost_since(&before.past));
}

#[tokio::test]
async fn a_database_that_was_restored_from_a_copy_has_lost_its_past() {
    let cluster = Postgres::start().unwrap();
    let store = Store::open(config(&cluster.url())).await.unwrap();
    let copy = cluster.snapshot().unwrap();
    let mut wakes = store.wakes();
    expect(&mut wakes, Wake::Reconnected).await;
    store
        .provision(&source(), vec![newcomer("1", &[])])
        .await
        .unwrap();
    let before = since(&store, None).await;
    cluster.restore(&copy).unwrap();
    expect(&mut wakes, Wake::Reconnected).await;
    let after = since(&store, Some(before.cursor)).await;
    assert!(after.past.is_lost_since(&before.past), "{after:?}");
}
