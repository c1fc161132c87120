//! The outbox: what is due where, and when.

use std::time::Duration;

use rollcall_model::OwnerState;
use rollcall_store::{DeliveryOutcome, DeliveryState, EventFilter, SinkRegistration, Store};
use uuid::Uuid;

use crate::fixture::{Fixture, On, change_state};

async fn register(fixture: &Fixture, sinks: &[(&str, &[&str])]) {
    let sinks: Vec<_> = sinks
        .iter()
        .map(|(name, types)| SinkRegistration {
            name: (*name).to_owned(),
            types: types.iter().map(|name| (*name).to_owned()).collect(),
        })
        .collect();
    fixture.store.register_sinks(&sinks).await.unwrap();
}

/// Subject and id of what is due.
async fn due(fixture: &Fixture, sink: &str) -> Vec<(String, Uuid)> {
    let due = fixture.store.due_deliveries(sink, 10).await.unwrap();
    due.into_iter().map(|d| (d.subject, d.event_id)).collect()
}

async fn subjects(fixture: &Fixture, sink: &str) -> Vec<String> {
    due(fixture, sink)
        .await
        .into_iter()
        .map(|(subject, _)| subject)
        .collect()
}

async fn settle(fixture: &Fixture, event_id: Uuid, outcome: DeliveryOutcome) {
    let settled = fixture
        .store
        .settle_deliveries("log", vec![(event_id, outcome)]);
    settled.await.unwrap();
}

async fn an_event_is_due_at_the_sinks_that_take_its_type(on: On) {
    let fixture = Fixture::new(on).await;
    let owners: &[&str] = &["rollcall.owner.created"];
    register(&fixture, &[("log", &[]), ("owners", owners)]).await;
    fixture.enter(&["1"]).await;
    assert_eq!(subjects(&fixture, "log").await, ["1", "1/s"]);
    assert_eq!(subjects(&fixture, "owners").await, ["1"]);
    assert_eq!(subjects(&fixture, "unknown").await, [""; 0]);
}

async fn only_the_oldest_of_a_subject_is_due(on: On) {
    let fixture = Fixture::new(on).await;
    register(
        &fixture,
        &[(
            "log",
            &["rollcall.owner.created", "rollcall.owner.state_changed"],
        )],
    )
    .await;
    fixture.enter(&["1", "2"]).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    fixture.change("1", change_state(OwnerState::Active)).await;
    assert_eq!(subjects(&fixture, "log").await, ["1", "2"]);
    let first = due(&fixture, "log").await;
    settle(&fixture, first[0].1, DeliveryOutcome::Sent).await;
    let second = due(&fixture, "log").await;
    // Older than the second owner's, whose event came before the change.
    assert_eq!(subjects(&fixture, "log").await, ["2", "1"]);
    assert_ne!(second[1].1, first[0].1);
    settle(&fixture, second[1].1, DeliveryOutcome::Sent).await;
    assert_eq!(subjects(&fixture, "log").await, ["2", "1"]);
    assert_ne!(due(&fixture, "log").await[1].1, second[1].1);
}

async fn a_failed_delivery_waits_and_holds_up_only_its_own_subject(on: On) {
    let fixture = Fixture::new(on).await;
    register(
        &fixture,
        &[(
            "log",
            &["rollcall.owner.created", "rollcall.owner.state_changed"],
        )],
    )
    .await;
    fixture.enter(&["1", "2"]).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    let first = due(&fixture, "log").await;
    let failed = DeliveryOutcome::Failed {
        error: "connection refused".to_owned(),
        not_before: fixture.now().await.plus(Duration::from_secs(30)),
    };
    settle(&fixture, first[0].1, failed).await;
    assert_eq!(subjects(&fixture, "log").await, ["2"]);
    fixture.advance(Duration::from_secs(30)).await;
    let again = fixture.store.due_deliveries("log", 10).await.unwrap();
    assert_eq!((again[0].event_id, again[0].attempts), (first[0].1, 1));
}

async fn a_parked_delivery_lets_the_next_one_pass_and_shows_its_error(on: On) {
    let fixture = Fixture::new(on).await;
    register(
        &fixture,
        &[(
            "log",
            &["rollcall.owner.created", "rollcall.owner.state_changed"],
        )],
    )
    .await;
    fixture.enter(&["1"]).await;
    fixture.change("1", change_state(OwnerState::Blocked)).await;
    let first = due(&fixture, "log").await;
    let parked = DeliveryOutcome::Parked {
        error: "410 Gone".to_owned(),
    };
    settle(&fixture, first[0].1, parked).await;
    assert_ne!(due(&fixture, "log").await[0].1, first[0].1);
    let events = fixture
        .store
        .list_events(&EventFilter::default(), 1, None)
        .await
        .unwrap()
        .items;
    let delivery = &events[0].deliveries[0];
    assert_eq!(delivery.state, DeliveryState::Parked);
    assert_eq!(delivery.last_error.as_deref(), Some("410 Gone"));
    // What is settled stays so, even if a slow relay says otherwise.
    settle(&fixture, first[0].1, DeliveryOutcome::Sent).await;
    let events = fixture
        .store
        .list_events(&EventFilter::default(), 1, None)
        .await
        .unwrap()
        .items;
    assert_eq!(events[0].deliveries[0].state, DeliveryState::Parked);
}

async fn what_is_due_at_a_sink_that_is_gone_is_parked(on: On) {
    let fixture = Fixture::new(on).await;
    register(&fixture, &[("log", &[]), ("old", &[])]).await;
    fixture.enter(&["1"]).await;
    register(&fixture, &[("log", &[])]).await;
    assert_eq!(subjects(&fixture, "old").await, [""; 0]);
    assert_eq!(subjects(&fixture, "log").await.len(), 2);
    assert_eq!(fixture.store.summary().await.unwrap().outbox_pending, 2);
    let events = fixture
        .store
        .list_events(&EventFilter::default(), 1, None)
        .await
        .unwrap()
        .items;
    let states: Vec<_> = events[0]
        .deliveries
        .iter()
        .map(|d| (&*d.sink, d.state))
        .collect();
    assert_eq!(
        states,
        [
            ("log", DeliveryState::Pending),
            ("old", DeliveryState::Parked)
        ]
    );
}

async fn what_was_due_at_a_sink_is_due_again_when_the_sink_is_back(on: On) {
    let fixture = Fixture::new(on).await;
    let created: &[&str] = &["rollcall.owner.created"];
    register(&fixture, &[("log", created)]).await;
    fixture.enter(&["1", "2"]).await;
    let given_up = DeliveryOutcome::Parked {
        error: "410 Gone".to_owned(),
    };
    let first = due(&fixture, "log").await;
    settle(&fixture, first[0].1, given_up).await;

    register(&fixture, &[]).await;
    fixture.enter(&["3"]).await;
    assert_eq!(subjects(&fixture, "log").await, [""; 0]);
    register(&fixture, &[("log", created)]).await;
    // Neither what was given up nor what was made meanwhile.
    assert_eq!(subjects(&fixture, "log").await, ["2"]);
}

on_both! {
    an_event_is_due_at_the_sinks_that_take_its_type,
    only_the_oldest_of_a_subject_is_due,
    a_failed_delivery_waits_and_holds_up_only_its_own_subject,
    a_parked_delivery_lets_the_next_one_pass_and_shows_its_error,
    what_is_due_at_a_sink_that_is_gone_is_parked,
    what_was_due_at_a_sink_is_due_again_when_the_sink_is_back,
}

/// PostgreSQL's own: on SQLite there is one node.
#[tokio::test]
async fn of_two_nodes_one_sends_to_a_sink_until_it_no_longer_asks() {
    let fixture = Fixture::new(On::Postgres).await;
    register(&fixture, &[("log", &[]), ("hook", &[])]).await;
    fixture.enter(&["1"]).await;
    let other = fixture.other_node().await;
    let count = async |store: &Store, sink: &str| {
        let due = store.due_deliveries(sink, 10).await.unwrap();
        due.len()
    };
    assert_eq!(count(&fixture.store, "log").await, 2);
    assert_eq!(count(&other, "log").await, 0);
    assert_eq!(count(&other, "hook").await, 2);
    assert_eq!(count(&fixture.store, "hook").await, 0);
    assert_eq!(count(&fixture.store, "log").await, 2);

    let gone = "UPDATE outbox_relays SET expires_at = clock_timestamp() WHERE sink = 'log'";
    assert_eq!(fixture.execute(gone).await, 1);
    assert_eq!(count(&other, "log").await, 2);
    assert_eq!(count(&fixture.store, "log").await, 0);
    // A node that was paused may still tell what it sent.
    let sent = other.due_deliveries("log", 1).await.unwrap();
    settle(&fixture, sent[0].event_id, DeliveryOutcome::Sent).await;
    assert_eq!(count(&other, "log").await, 1);
}
