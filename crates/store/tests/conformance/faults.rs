//! A database that cannot be written for a while, and answers that are lost.

use std::time::Duration;

use rollcall_store::{Answer, Config, Health, Kind, Store};
use sqlx::Connection as _;

use crate::fixture::{Fixture, Lease, On, at};

async fn ready(on: On) -> (Fixture, Lease) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    (fixture, lease)
}

/// SQLite's own: its writers exclude each other.
#[tokio::test]
async fn a_locked_database_is_unavailable_and_recovers_by_itself() {
    let (fixture, lease) = ready(On::Sqlite).await;
    let config = Config {
        busy_timeout: Duration::from_millis(50),
        ..fixture.config.clone()
    };
    let store = Store::open_with_clock(config.clone(), fixture.clock.clone());
    let store = store.await.unwrap();
    let mut locker = sqlx::SqliteConnection::connect(&config.url).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut locker)
        .await
        .unwrap();

    for _ in 0..2 {
        let error = store
            .commit(vec![lease.filled("1", -1, 4)])
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable);
        fixture.advance(Duration::from_secs(1)).await;
    }
    let fault = store.health().fault.unwrap();
    assert_eq!(fault.since, at(0));
    assert!(fault.error.contains("locked"), "{}", fault.error);
    // Readers go on.
    assert_eq!(
        store.list_partitions(lease.stream_id).await.unwrap().len(),
        1
    );

    sqlx::query("ROLLBACK").execute(&mut locker).await.unwrap();
    let answers = store.commit(vec![lease.filled("1", -1, 4)]).await.unwrap();
    assert_eq!(answers, [Answer::Committed]);
    assert_eq!(store.health(), Health::default());
    fixture.assert_invariants().await;
}

async fn a_transaction_is_counted_by_its_name(on: On) {
    let (fixture, lease) = ready(on).await;
    fixture.commit(vec![lease.filled("1", -1, 4)]).await;
    let mut registry = prometheus_client::registry::Registry::default();
    fixture.store.register_metrics(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "rollcall_store_calls_total{operation=\"commit\"} 1",
        "rollcall_store_duration_seconds_count{operation=\"commit\"} 1",
        "rollcall_store_writable 1",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
}

/// A caller that dies leaves its transaction running to its end.
async fn a_commit_runs_to_its_end_although_its_caller_is_gone(on: On) {
    let (fixture, lease) = ready(on).await;
    let store = fixture.store.clone();
    let batch = lease.filled("1", -1, 499);
    let mut commit = Box::pin(store.commit(vec![batch]));
    // Polled once, so that it is under way, and then dropped.
    let polled = std::future::poll_fn(|context| {
        std::task::Poll::Ready(commit.as_mut().poll(context).is_ready())
    });
    polled.await;
    drop(commit);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while fixture.partition(&lease).await.stored < 500 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the commit was cut off"
        );
        tokio::task::yield_now().await;
    }
    fixture.assert_invariants().await;
}

on_both! {
    a_transaction_is_counted_by_its_name,
    a_commit_runs_to_its_end_although_its_caller_is_gone,
}

#[cfg(feature = "failpoints")]
mod points {
    use super::*;

    async fn a_lost_answer_is_resolved_by_sending_the_batch_again(on: On) {
        let scenario = fail::FailScenario::setup();
        let (fixture, lease) = ready(on).await;
        fail::cfg("store.commit.answer", "1*return->off").unwrap();
        let batch = lease.filled("1", -1, 4);
        let error = fixture.store.commit(vec![batch.clone()]).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unknown);
        assert_eq!(fixture.commit(vec![batch]).await, [Answer::Committed]);
        assert_eq!(fixture.numbers("1").await, [0, 1, 2, 3, 4]);
        fixture.assert_invariants().await;
        scenario.teardown();
    }

    async fn a_failure_before_the_transaction_leaves_nothing(on: On) {
        let scenario = fail::FailScenario::setup();
        let (fixture, lease) = ready(on).await;
        fail::cfg("store.commit.before", "1*return->off").unwrap();
        let batch = lease.filled("1", -1, 4);
        let error = fixture.store.commit(vec![batch.clone()]).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(fixture.store.health().fault.is_some());
        assert_eq!(fixture.partition(&lease).await.stored, 0);
        assert_eq!(fixture.commit(vec![batch]).await, [Answer::Committed]);
        scenario.teardown();
    }

    /// The panic reaches the caller, as if the transaction had run within it.
    async fn a_panic_costs_the_caller_and_never_the_data(on: On) {
        let scenario = fail::FailScenario::setup();
        let (fixture, lease) = ready(on).await;
        let batch = lease.filled("1", -1, 4);
        for (point, stored) in [("store.commit.before", 0), ("store.commit.answer", 5)] {
            fail::cfg(point, "1*panic->off").unwrap();
            let (store, batch) = (fixture.store.clone(), batch.clone());
            let caller = tokio::spawn(async move { store.commit(vec![batch]).await });
            assert!(caller.await.unwrap_err().is_panic());
            assert_eq!(fixture.partition(&lease).await.stored, stored, "{point}");
        }
        assert_eq!(fixture.commit(vec![batch]).await, [Answer::Committed]);
        fixture.assert_invariants().await;
        scenario.teardown();
    }

    on_both! {
        a_lost_answer_is_resolved_by_sending_the_batch_again,
        a_failure_before_the_transaction_leaves_nothing,
        a_panic_costs_the_caller_and_never_the_data,
    }
}
