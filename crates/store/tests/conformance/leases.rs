//! Streams, leases, nodes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Epoch, PartitionId, SequenceNumber};
use rollcall_store::{
    Answer, HubIdentity, NodeReport, Observation, PartitionState, Refusal, Tenure,
};

use crate::fixture::{Fixture, On, START, TTL, at, hub, tenure};

async fn a_hub_keeps_its_stream_until_it_is_created_anew(on: On) {
    let fixture = Fixture::new(on).await;
    let first = fixture.store.resolve_stream(&hub()).await.unwrap();
    assert_eq!(first.generation, 1);
    assert_eq!(fixture.store.resolve_stream(&hub()).await.unwrap(), first);

    let anew = HubIdentity {
        created_at: at(5),
        ..hub()
    };
    let second = fixture.store.resolve_stream(&anew).await.unwrap();
    assert_eq!(second.generation, 2);
    assert_ne!(second.stream_id, first.stream_id);
    let current = fixture.store.current_streams().await.unwrap();
    assert_eq!(current, [second]);
}

async fn going_back_to_an_earlier_hub_goes_on_in_its_stream(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let anew = HubIdentity {
        created_at: at(5),
        ..hub()
    };
    let first = store.resolve_stream(&hub()).await.unwrap();
    let second = store.resolve_stream(&anew).await.unwrap();
    assert_eq!(store.resolve_stream(&hub()).await.unwrap(), first);
    assert_eq!(store.current_streams().await.unwrap()[0], first);

    // Numbers that begin anew make a generation of this hub, not of the other.
    let third = store
        .next_generation(first.stream_id, &hub())
        .await
        .unwrap();
    assert_eq!(
        (third.generation, third.hub_created_at),
        (3, hub().created_at)
    );
    assert_eq!(store.resolve_stream(&hub()).await.unwrap(), third);
    assert_eq!(store.resolve_stream(&anew).await.unwrap(), second);
    assert_eq!(store.current_streams().await.unwrap(), [second]);
}

async fn a_hub_that_nobody_reads_any_more_is_not_current(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let old = store.resolve_stream(&hub()).await.unwrap();
    fixture.claim(old.stream_id, 3, "a").await;
    let elsewhere = HubIdentity {
        event_hub: "elsewhere".to_owned(),
        ..hub()
    };
    let new = store.resolve_stream(&elsewhere).await.unwrap();
    // Somebody still holds a lease of it.
    assert_eq!(store.current_streams().await.unwrap().len(), 2);
    fixture.advance(Duration::from_secs(3_600)).await;
    assert_eq!(store.current_streams().await.unwrap(), [new]);
}

async fn of_two_that_ask_for_the_next_generation_the_second_gets_the_firsts(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let from = store.resolve_stream(&hub()).await.unwrap();
    let next = store.next_generation(from.stream_id, &hub()).await.unwrap();
    let same = store.next_generation(from.stream_id, &hub()).await.unwrap();
    assert_eq!((next.generation, &next), (2, &same));
    assert_eq!(store.resolve_stream(&hub()).await.unwrap(), next);
}

async fn every_claim_raises_the_epoch_and_the_first_starts_at_the_clock(on: On) {
    let fixture = Fixture::new(on).await;
    let stream = fixture.store.resolve_stream(&hub()).await.unwrap();
    let before = fixture.now().await;
    let first = fixture.claim(stream.stream_id, 3, "a").await;
    let seconds = before.as_seconds()..=fixture.now().await.as_seconds();
    assert!(seconds.contains(&first.claim.epoch.0));
    assert_eq!(first.claim.checkpoint, None);
    let second = fixture.claim(stream.stream_id, 3, "a").await;
    assert!(second.claim.epoch > first.claim.epoch);
}

/// SQLite's own: only its clock can be turned.
#[tokio::test]
async fn an_epoch_follows_the_clock() {
    let fixture = Fixture::new(On::Sqlite).await;
    let stream = fixture.store.resolve_stream(&hub()).await.unwrap();
    for (seconds, epoch) in [(0, START), (0, START + 1), (100, START + 100)] {
        fixture.advance(Duration::from_secs(seconds)).await;
        let lease = fixture.claim(stream.stream_id, 3, "a").await;
        assert_eq!(lease.claim.epoch, Epoch(epoch));
    }
}

async fn a_partition_is_begun_once(on: On) {
    let fixture = Fixture::new(on).await;
    let stream = fixture.store.resolve_stream(&hub()).await.unwrap();
    let old = fixture.claim(stream.stream_id, 3, "a").await;
    let lease = fixture.claim(stream.stream_id, 3, "a").await;
    let stale = Refusal::StaleEpoch {
        epoch: lease.epoch(),
    };
    assert_eq!(old.begin(&fixture.store, 7).await, Answer::Refused(stale));
    assert_eq!(lease.begin(&fixture.store, 7).await, Answer::Committed);
    assert_eq!(lease.begin(&fixture.store, 7).await, Answer::Committed);
    let misplaced = Refusal::Misplaced {
        stored: Some(SequenceNumber(6)),
    };
    assert_eq!(
        lease.begin(&fixture.store, 8).await,
        Answer::Refused(misplaced)
    );
    let next = fixture.claim(stream.stream_id, 3, "b").await;
    assert_eq!(next.claim.checkpoint, Some(SequenceNumber(6)));
    assert_eq!(next.claim.number_epoch, Some(1));
    fixture.assert_invariants().await;
}

async fn a_renewal_extends_what_is_held_and_names_what_is_lost(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    let lost = fixture.lease_of(lease.stream_id, 4, "a").await;
    fixture.claim(lease.stream_id, 4, "b").await;
    fixture.advance(Duration::from_secs(14)).await;
    let observation = |of: &crate::fixture::Lease| Observation {
        partition_id: of.partition_id,
        epoch: of.epoch(),
        state: PartitionState::Stalled,
        last_enqueued_sequence_number: Some(SequenceNumber(41)),
        lag_seconds: Some(2.5),
        fault: Some("the hub is silent".to_owned()),
    };
    let before = fixture.now().await;
    // The incarnation counts as much as the epoch: `lost` has its own.
    let answer = fixture
        .store
        .renew_leases(
            lease.stream_id,
            &lease.tenure,
            &[observation(&lost), observation(&lease)],
        )
        .await
        .unwrap();
    assert_eq!(answer, [lost.partition_id]);
    let rows = fixture
        .store
        .list_partitions(lease.stream_id)
        .await
        .unwrap();
    let after = fixture.now().await;
    assert!((before.plus(TTL)..=after.plus(TTL)).contains(&rows[0].expires_at.unwrap()));
    assert_eq!(rows[0].state, PartitionState::Stalled);
    assert_eq!(rows[0].lag_events, Some(42));
    assert_eq!(rows[0].lag_seconds, Some(2.5));
    assert_eq!(rows[0].fault.as_deref(), Some("the hub is silent"));
    assert_eq!(rows[1].node.as_deref(), Some("b"));
    assert_eq!(rows[1].lag_events, None);
    assert_eq!(rows[1].fault, None);
    // What its reader saw ends with its lease.
    fixture.advance(Duration::from_secs(15)).await;
    assert_eq!(fixture.partition(&lease).await.fault, None);
    let next = fixture.claim(lease.stream_id, 3, "a").await;
    assert_eq!(fixture.partition(&next).await.fault, None);
}

async fn partitions_are_listed_before_anybody_claims_them(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let stream_id = store.resolve_stream(&hub()).await.unwrap().stream_id;
    let known = |ids: &[u32]| -> BTreeSet<_> { ids.iter().copied().map(PartitionId).collect() };
    store
        .enlist_partitions(stream_id, &known(&[3, 4]))
        .await
        .unwrap();
    let lease = fixture.lease_of(stream_id, 3, "a").await;
    store
        .enlist_partitions(stream_id, &known(&[3, 4, 5]))
        .await
        .unwrap();

    let rows = store.list_partitions(stream_id).await.unwrap();
    let states: Vec<_> = rows
        .iter()
        .map(|row| (row.partition_id.0, row.state))
        .collect();
    let (reading, unowned) = (PartitionState::Reading, PartitionState::Unowned);
    assert_eq!(states, [(3, reading), (4, unowned), (5, unowned)]);
    assert_eq!(rows[0].epoch, lease.epoch(), "it is left as it is");
    assert_eq!((rows[1].sequence_number, rows[1].lag_events), (None, None));
    let claimed = fixture.claim(stream_id, 4, "b").await;
    assert!(claimed.epoch() >= lease.epoch());
    let row = fixture.partition(&claimed).await;
    assert_eq!((row.moves, row.losses), (0, 0), "nobody had it before");
    fixture.assert_invariants().await;
}

async fn moves_and_losses_of_a_partition_are_counted(on: On) {
    let fixture = Fixture::new(on).await;
    let counts = async |lease| {
        let row = fixture.partition(lease).await;
        (row.last_node.unwrap(), row.moves, row.losses)
    };
    let lease = fixture.lease().await;
    assert_eq!(counts(&lease).await, ("a".to_owned(), 0, 0));
    let Tenure { incarnation, .. } = lease.tenure;
    let (stream_id, id) = (lease.stream_id, lease.partition_id);
    let released = fixture
        .store
        .release_partition(stream_id, id, lease.epoch(), incarnation);
    released.await.unwrap();
    assert_eq!(counts(&lease).await.0, "a", "also after its release");
    fixture.claim(stream_id, id.0, "b").await;
    assert_eq!(counts(&lease).await, ("b".to_owned(), 1, 0));
    // The same node, begun anew without having released: its lease was lost, and nothing moved.
    let again = fixture.claim(stream_id, id.0, "b").await;
    assert_eq!(counts(&lease).await, ("b".to_owned(), 1, 1));
    // A reader that claims anew in the same process has lost nothing.
    let claim = fixture.store.claim_partition(stream_id, id, &again.tenure);
    assert!(claim.await.unwrap().is_some());
    assert_eq!(counts(&lease).await, ("b".to_owned(), 1, 1));
}

async fn a_released_partition_is_unowned_and_a_late_commit_is_stale(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    let release = || {
        fixture.store.release_partition(
            lease.stream_id,
            lease.partition_id,
            lease.epoch(),
            lease.tenure.incarnation,
        )
    };
    release().await.unwrap();
    release().await.unwrap();
    let late = fixture.store.commit(vec![lease.filled("1", -1, 5)]);
    let epoch = Epoch(lease.epoch().0 + 1);
    let stale = Answer::Refused(Refusal::StaleEpoch { epoch });
    assert_eq!(late.await.unwrap(), [stale]);
    let rows = fixture
        .store
        .list_partitions(lease.stream_id)
        .await
        .unwrap();
    assert_eq!(rows[0].state, PartitionState::Unowned);
    assert_eq!((rows[0].expires_at, rows[0].incarnation), (None, None));
}

async fn an_expired_lease_is_shown_as_unowned(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    let state = || async {
        let rows = fixture
            .store
            .list_partitions(lease.stream_id)
            .await
            .unwrap();
        rows[0].state
    };
    fixture.advance(Duration::from_secs(8)).await;
    assert_eq!(state().await, PartitionState::Reading);
    fixture.advance(Duration::from_secs(7)).await;
    assert_eq!(state().await, PartitionState::Unowned);
}

async fn a_commit_extends_the_lease(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let lease = fixture.lease().await;
    fixture.advance(Duration::from_secs(10)).await;
    let before = fixture.now().await;
    let answers = fixture.store.commit(vec![lease.filled("1", -1, 5)]).await;
    assert_eq!(answers.unwrap(), [Answer::Committed]);
    let after = fixture.now().await;
    let rows = fixture
        .store
        .list_partitions(lease.stream_id)
        .await
        .unwrap();
    assert!((before..=after).contains(&rows[0].last_commit_at.unwrap()));
    assert!((before.plus(TTL)..=after.plus(TTL)).contains(&rows[0].expires_at.unwrap()));
}

async fn nodes_are_listed_with_the_leases_they_hold_and_forgotten_after_a_day(on: On) {
    let fixture = Fixture::new(on).await;
    let lease = fixture.lease().await;
    let report = |tenure: &Tenure| NodeReport {
        node: tenure.node.clone(),
        incarnation: tenure.incarnation,
        roles: vec!["ingest".to_owned()],
        version: "0.1.0".to_owned(),
        api: None,
        shards: serde_json::json!([{"shard": 0, "depth": 1}]),
        leases: serde_json::json!({"claimed": 3}),
    };
    let gone = tenure("gone");
    fixture.store.report_node(&report(&gone)).await.unwrap();
    let own = Arc::new(report(&lease.tenure));
    fixture.store.report_node(&own).await.unwrap();
    let nodes = fixture.store.list_nodes().await.unwrap();
    let held: Vec<_> = nodes.iter().map(|n| (&*n.name, n.partitions)).collect();
    assert_eq!(held, [("a", 1), ("gone", 0)]);
    assert_eq!(nodes[0].shards, own.shards);
    assert_eq!(nodes[0].leases, own.leases);

    fixture.advance(Duration::from_secs(25 * 60 * 60)).await;
    let before = fixture.now().await;
    fixture.store.report_node(&own).await.unwrap();
    let nodes = fixture.store.list_nodes().await.unwrap();
    assert_eq!(nodes.len(), 1);
    assert!((before..=fixture.now().await).contains(&nodes[0].last_seen_at));
    assert_eq!(nodes[0].partitions, 0);
}

on_both! {
    a_hub_keeps_its_stream_until_it_is_created_anew,
    going_back_to_an_earlier_hub_goes_on_in_its_stream,
    a_hub_that_nobody_reads_any_more_is_not_current,
    of_two_that_ask_for_the_next_generation_the_second_gets_the_firsts,
    every_claim_raises_the_epoch_and_the_first_starts_at_the_clock,
    a_partition_is_begun_once,
    a_renewal_extends_what_is_held_and_names_what_is_lost,
    partitions_are_listed_before_anybody_claims_them,
    moves_and_losses_of_a_partition_are_counted,
    a_released_partition_is_unowned_and_a_late_commit_is_stale,
    an_expired_lease_is_shown_as_unowned,
    a_commit_extends_the_lease,
    nodes_are_listed_with_the_leases_they_hold_and_forgotten_after_a_day,
}
