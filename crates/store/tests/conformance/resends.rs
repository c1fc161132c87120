//! Sending again, what the outbox holds, and when it lets go.

use std::time::Duration;

use rollcall_model::OwnerState;
use rollcall_store::{
    DeliveryOutcome, DeliveryState, EventFilter, Order, ResendMode, Resent, SinkRegistration,
    SinkStanding,
};
use uuid::Uuid;

use crate::fixture::{Fixture, On, change_state};

const CREATED: &str = "rollcall.owner.created";

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

async fn due(fixture: &Fixture, sink: &str) -> Vec<Uuid> {
    let due = fixture.store.due_deliveries(sink, 100).await.unwrap();
    due.iter().map(|delivery| delivery.event_id).collect()
}

async fn settle(fixture: &Fixture, sink: &str, events: &[Uuid], outcome: &DeliveryOutcome) {
    let outcomes = events.iter().map(|id| (*id, outcome.clone())).collect();
    fixture
        .store
        .settle_deliveries(sink, outcomes)
        .await
        .unwrap();
}

fn parked() -> DeliveryOutcome {
    DeliveryOutcome::Parked {
        error: "410 Gone".to_owned(),
    }
}

async fn standing(fixture: &Fixture) -> Vec<(String, bool, u64, u64)> {
    let sinks = fixture.store.outbox_standing().await.unwrap();
    let figures = |it: SinkStanding| (it.sink, it.registered, it.pending, it.parked);
    sinks.into_iter().map(figures).collect()
}

async fn an_event_is_sent_again_to_whoever_takes_its_type_or_is_named(on: On) {
    let fixture = Fixture::new(on).await;
    let changes: &[&str] = &["rollcall.owner.state_changed"];
    register(&fixture, &[("a", &[CREATED]), ("b", &[CREATED])]).await;
    fixture.enter(&["1"]).await;
    let event = due(&fixture, "a").await[0];
    settle(&fixture, "a", &[event], &DeliveryOutcome::Sent).await;
    settle(&fixture, "b", &[event], &parked()).await;
    register(
        &fixture,
        &[("a", &[CREATED]), ("b", &[CREATED]), ("c", changes)],
    )
    .await;

    let again = fixture.store.resend_event(event, None).await.unwrap();
    assert_eq!(again, Resent::Due(2));
    for (sink, count) in [("a", 1), ("b", 1), ("c", 0)] {
        assert_eq!(due(&fixture, sink).await.len(), count, "{sink}");
    }
    let named = fixture.store.resend_event(event, Some("c")).await.unwrap();
    assert_eq!(named, Resent::Due(1));
    assert_eq!(due(&fixture, "c").await, [event]);
    let shown = fixture.store.event(event).await.unwrap().unwrap();
    assert!(
        shown.deliveries.iter().all(|it| {
            (it.state, it.attempts, &it.last_error) == (DeliveryState::Pending, 0, &None)
        }),
        "{shown:?}"
    );
}

async fn nothing_is_sent_again_that_is_not_known(on: On) {
    let fixture = Fixture::new(on).await;
    register(&fixture, &[("a", &[])]).await;
    fixture.enter(&["1"]).await;
    let event = due(&fixture, "a").await[0];
    let store = &fixture.store;
    let unknown = store.resend_event(Uuid::nil(), None).await.unwrap();
    assert_eq!(unknown, Resent::NoEvent);
    let nowhere = store.resend_event(event, Some("b")).await.unwrap();
    assert_eq!(nowhere, Resent::NoSink);
    let nowhere = store.resend_parked(Some("b"), ResendMode::Resend).await;
    assert_eq!(nowhere.unwrap(), Resent::NoSink);
    assert_eq!(
        store
            .event(Uuid::nil())
            .await
            .unwrap()
            .map(|it| it.event_id),
        None
    );
}

async fn what_is_parked_is_counted_shown_and_due_again(on: On) {
    let fixture = Fixture::new(on).await;
    register(&fixture, &[("a", &[CREATED]), ("b", &[CREATED])]).await;
    fixture.enter(&["1", "2", "3"]).await;
    let events = due(&fixture, "a").await;
    settle(&fixture, "a", &events[..2], &parked()).await;
    settle(&fixture, "b", &events[..1], &parked()).await;
    let before = [("a".to_owned(), true, 1, 2), ("b".to_owned(), true, 2, 1)];
    assert_eq!(standing(&fixture).await, before);
    let filter = EventFilter {
        state: Some(DeliveryState::Parked),
        sink: Some("a".to_owned()),
        order: Order::NewestFirst,
    };
    let shown = fixture.store.list_events(&filter, 10, None).await.unwrap();
    let shown: Vec<_> = shown.items.iter().map(|event| event.event_id).collect();
    assert_eq!(shown, [events[1], events[0]]);

    let dry = fixture.store.resend_parked(None, ResendMode::DryRun).await;
    assert_eq!(dry.unwrap(), Resent::Due(3));
    assert_eq!(standing(&fixture).await, before);
    let only = fixture.store.resend_parked(Some("a"), ResendMode::Resend);
    assert_eq!(only.await.unwrap(), Resent::Due(2));
    assert_eq!(due(&fixture, "a").await, events);
    assert_eq!(standing(&fixture).await[1], before[1]);
}

async fn a_try_that_reached_nobody_is_not_counted(on: On) {
    let fixture = Fixture::new(on).await;
    register(&fixture, &[("a", &[CREATED])]).await;
    fixture.enter(&["1"]).await;
    let event = due(&fixture, "a").await;
    let not_before = fixture.now().await.plus(Duration::from_secs(30));
    let error = "connection refused".to_owned();
    let unreached = DeliveryOutcome::Unreached { error, not_before };
    settle(&fixture, "a", &event, &unreached).await;
    assert!(due(&fixture, "a").await.is_empty());
    let shown = fixture.store.event(event[0]).await.unwrap().unwrap();
    let delivery = &shown.deliveries[0];
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Pending, 0)
    );
    assert_eq!(delivery.last_error.as_deref(), Some("connection refused"));
}

async fn events_go_by_age_once_every_sink_has_them(on: On) {
    let fixture = Fixture::new(on).await;
    register(&fixture, &[("a", &[CREATED]), ("gone", &[CREATED])]).await;
    fixture.enter(&["1", "2", "3"]).await;
    register(&fixture, &[("a", &[CREATED])]).await;
    let events = due(&fixture, "a").await;
    settle(&fixture, "a", &events[..1], &DeliveryOutcome::Sent).await;
    settle(&fixture, "a", &events[1..2], &parked()).await;
    fixture.advance(Duration::from_secs(1)).await;
    let made = fixture.now().await;
    fixture.advance(Duration::from_secs(1)).await;
    fixture.enter(&["4"]).await;

    // The owners' own, but for the parked and the pending one, and those of three sub-owners.
    assert_eq!(fixture.store.expire_events(made).await.unwrap(), 4);
    assert_eq!(fixture.store.expire_events(made).await.unwrap(), 0);
    assert_eq!(
        fixture.store.event(events[0]).await.unwrap().map(|_| ()),
        None
    );
    let all = EventFilter::default();
    let left = fixture.store.list_events(&all, 10, None);
    assert_eq!(left.await.unwrap().items.len(), 4);
    let orphans = "DELETE FROM outbox_deliveries
                   WHERE event_id NOT IN (SELECT event_id FROM outbox_events)";
    assert_eq!(fixture.execute(orphans).await, 0);
    // What is gone is not missed, what is not gone would be.
    fixture.assert_invariants().await;
    fixture
        .execute("DELETE FROM outbox_events WHERE owner_id = '4'")
        .await;
    fixture.execute(orphans).await;
    let findings = fixture.store.check_invariants().await.unwrap();
    let faults: Vec<_> = findings.into_iter().filter_map(|it| it.fault).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].contains("owner 4 has no created event"),
        "{faults:?}"
    );
}

async fn two_changes_of_state_have_two_ids(on: On) {
    let fixture = Fixture::new(on).await;
    register(&fixture, &[("a", &["rollcall.owner.state_changed"])]).await;
    fixture.enter(&["1"]).await;
    for state in [OwnerState::Blocked, OwnerState::Active, OwnerState::Blocked] {
        fixture.change("1", change_state(state)).await;
    }
    let mut ids = Vec::new();
    for _ in 0..3 {
        let next = due(&fixture, "a").await;
        assert_eq!(next.len(), 1, "one of a subject at a time");
        settle(&fixture, "a", &next, &DeliveryOutcome::Sent).await;
        assert!(!ids.contains(&next[0]), "{ids:?}");
        ids.extend(next);
    }
    assert!(due(&fixture, "a").await.is_empty());
}

on_both! {
    an_event_is_sent_again_to_whoever_takes_its_type_or_is_named,
    nothing_is_sent_again_that_is_not_known,
    what_is_parked_is_counted_shown_and_due_again,
    a_try_that_reached_nobody_is_not_counted,
    events_go_by_age_once_every_sink_has_them,
    two_changes_of_state_have_two_ids,
}

/// PostgreSQL's own: on SQLite there is one node.
#[tokio::test]
async fn a_node_that_gives_a_sink_up_is_succeeded_at_once() {
    let fixture = Fixture::new(On::Postgres).await;
    register(&fixture, &[("a", &[CREATED])]).await;
    fixture.enter(&["1"]).await;
    let other = fixture.other_node().await;
    assert_eq!(due(&fixture, "a").await.len(), 1);
    assert!(other.due_deliveries("a", 10).await.unwrap().is_empty());
    // Who does not have it gives up nothing.
    other.release_sink("a").await.unwrap();
    assert!(other.due_deliveries("a", 10).await.unwrap().is_empty());
    fixture.store.release_sink("a").await.unwrap();
    assert_eq!(other.due_deliveries("a", 10).await.unwrap().len(), 1);
    assert!(due(&fixture, "a").await.is_empty());
}
