//! Provisioning: who enters an owner, and how often it is announced (I1).

use rollcall_model::{CreatedBy, OwnerState, SubOwnerState};
use rollcall_store::{DeliveryOutcome, EventFilter, Kind, Newcomer, SinkRegistration, Store};
use rollcall_test_servers::Postgres;
use sqlx::{Connection as _, PgConnection};

use crate::fixture::{
    Fixture, On, change_state, newcomer, owner_id, settings, source, sub_owner_id,
};

async fn newcomers_are_entered_and_announced_once_in_the_order_asked(on: On) {
    let fixture = Fixture::new(on).await;
    let asked = vec![newcomer("b", &["2", "1"]), newcomer("a", &[])];
    let first = fixture.provision(asked.clone()).await;
    assert!(first.iter().all(|provisioned| provisioned.created));
    assert_eq!(first[0].record.owner_id, owner_id("b"));
    let ids: Vec<_> = first[0]
        .record
        .sub_owners
        .iter()
        .map(|s| s.sub_owner_id.as_str())
        .collect();
    assert_eq!((ids, first[0].sub_owners_created), (vec!["2", "1"], 2));

    let again = fixture.provision(asked).await;
    assert!(again.iter().all(|provisioned| !provisioned.created));
    assert_eq!(again[0].sub_owners_created, 0);
    assert_eq!(again[0].record, first[0].record);
    let events = fixture
        .store
        .list_events(&EventFilter::default(), 10, None)
        .await
        .unwrap()
        .items;
    let announced: Vec<_> = events
        .iter()
        .map(|e| (&*e.event_type, &*e.subject))
        .collect();
    assert_eq!(
        announced,
        [
            ("rollcall.owner.created", "a"),
            ("rollcall.owner.created", "b"),
            ("rollcall.sub_owner.created", "b/1"),
            ("rollcall.sub_owner.created", "b/2"),
        ]
    );
    fixture.assert_invariants().await;
}

async fn whoever_comes_second_gets_what_the_first_entered(on: On) {
    let fixture = Fixture::new(on).await;
    let by_hand = Newcomer {
        created_by: CreatedBy::Api,
        display_name: Some("Mill".to_owned()),
        settings: settings(r#"{"gain":2,"sub_owners":{"s":{"gain":3}}}"#),
        ..newcomer("1", &[])
    };
    fixture.provision(vec![by_hand.clone()]).await;
    let by_stream = Newcomer {
        state: OwnerState::Pending,
        ..newcomer("1", &["s", "t"])
    };
    let second = fixture.provision(vec![by_stream]).await;
    assert!(!second[0].created);
    assert_eq!(second[0].record.state, OwnerState::Active);
    assert_eq!(second[0].record.settings, by_hand.settings);
    assert_eq!(second[0].sub_owners_created, 2);
    let sub_owner = fixture.sub_owner("1", "s").await;
    assert_eq!(sub_owner.settings.gain, Some(3.0));
    assert_eq!(sub_owner.created_by, CreatedBy::Stream);
    fixture.assert_invariants().await;
}

async fn a_sub_owner_by_stream_keeps_its_source_below_an_owner_made_by_hand(on: On) {
    let fixture = Fixture::new(on).await;
    let both = Newcomer {
        created_by: CreatedBy::Api,
        ..newcomer("1", &["s"])
    };
    fixture.provision(vec![both]).await;
    let owner = fixture.store.owner(&owner_id("1")).await.unwrap().unwrap();
    assert_eq!(owner.created_by, CreatedBy::Api);
    let sub_owner = fixture.sub_owner("1", "s").await;
    assert_eq!(sub_owner.created_by, CreatedBy::Stream);
    fixture.assert_invariants().await;
}

async fn no_sub_owner_is_entered_below_a_deleted_owner(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    fixture.change("1", change_state(OwnerState::Deleted)).await;
    let late = fixture.provision(vec![newcomer("1", &["s", "t"])]).await;
    assert_eq!(late[0].record.state, OwnerState::Deleted);
    assert_eq!(late[0].record.version, 2);
    let known: Vec<_> = late[0].record.sub_owners.iter().collect();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].state, SubOwnerState::Active);
    assert_eq!((late[0].created, late[0].sub_owners_created), (false, 0));
    fixture.assert_invariants().await;
}

async fn an_owner_that_stands_among_the_newcomers_twice_is_a_defect(on: On) {
    let fixture = Fixture::new(on).await;
    let twice = vec![newcomer("1", &[]), newcomer("1", &["s"])];
    let error = fixture.store.provision(&source(), twice).await.unwrap_err();
    assert_eq!(error.kind, Kind::Defect);
    assert_eq!(fixture.store.owner(&owner_id("1")).await.unwrap(), None);
}

async fn find_owners_answers_in_the_order_asked_and_enters_nothing(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2"]).await;
    let wanted = vec![
        (owner_id("2"), vec![sub_owner_id("x"), sub_owner_id("s")]),
        (owner_id("3"), vec![sub_owner_id("s")]),
        (owner_id("1"), vec![]),
    ];
    let found = fixture.store.find_owners(wanted).await.unwrap();
    let second = found[0].as_ref().unwrap();
    assert_eq!(second.owner_id, owner_id("2"));
    assert_eq!(second.sub_owners.len(), 1);
    assert_eq!(second.sub_owners[0].sub_owner_id, sub_owner_id("s"));
    assert_eq!(found[1], None);
    assert_eq!(found[2].as_ref().unwrap().sub_owners, []);
    assert_eq!(fixture.store.owner(&owner_id("3")).await.unwrap(), None);
}

/// Two processes meet the same newcomers at the same moment.
async fn two_handles_that_provision_the_same_newcomers_enter_each_once(on: On) {
    const OWNERS: usize = 2_000;
    let fixture = Fixture::new(on).await;
    let other = fixture.other_store().await;
    let mut tasks = Vec::new();
    for (store, stride) in [(&fixture.store, 7), (&other, 11), (&fixture.store, 13)] {
        let store = store.clone();
        tasks.push(tokio::spawn(storm(store, OWNERS, stride)));
    }
    let (mut created, mut below) = (0, 0);
    for task in tasks {
        let (owners, sub_owners) = task.await.unwrap();
        created += owners;
        below += sub_owners;
    }
    assert_eq!((created, below), (OWNERS, 2 * OWNERS));
    let summary = fixture.store.summary().await.unwrap();
    assert_eq!(summary.owners[&OwnerState::Active], 2_000);
    assert_eq!(summary.sub_owners, 4_000);
    fixture.assert_invariants().await;
}

/// Provisions all owners in an order of its own, fifty at a time; how many it entered itself.
async fn storm(store: Store, owners: usize, stride: usize) -> (usize, usize) {
    let order: Vec<String> = (0..owners)
        .map(|i| (i * stride % owners).to_string())
        .collect();
    let (mut created, mut below) = (0, 0);
    for names in order.chunks(50) {
        let newcomers = names.iter().map(|id| newcomer(id, &["s", "t"])).collect();
        for provisioned in store.provision(&source(), newcomers).await.unwrap() {
            created += usize::from(provisioned.created);
            below += provisioned.sub_owners_created;
        }
    }
    (created, below)
}

on_both! {
    newcomers_are_entered_and_announced_once_in_the_order_asked,
    whoever_comes_second_gets_what_the_first_entered,
    a_sub_owner_by_stream_keeps_its_source_below_an_owner_made_by_hand,
    no_sub_owner_is_entered_below_a_deleted_owner,
    an_owner_that_stands_among_the_newcomers_twice_is_a_defect,
    find_owners_answers_in_the_order_asked_and_enters_nothing,
    two_handles_that_provision_the_same_newcomers_enter_each_once,
}

fn races(store: &Store) -> (u64, u64) {
    let mut registry = prometheus_client::registry::Registry::default();
    store.register_metrics(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let count = |outcome: &str| {
        let name = format!("rollcall_store_newcomers_total{{outcome=\"{outcome}\"}} ");
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(&name)?.parse().ok())
    };
    (count("won").unwrap(), count("lost").unwrap())
}

/// PostgreSQL's own, as all below: there two transactions enter at the same time.
#[tokio::test]
async fn who_comes_second_waits_for_the_first_and_takes_its_owner_as_it_is() {
    let fixture = Fixture::new(On::Postgres).await;
    let url = &fixture.config.url;
    let mut first = PgConnection::connect(url).await.unwrap();
    let mut first = first.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO owners
             (owner_id, state, settings, version, created_at, created_by, search)
         VALUES ('2', 'blocked', '{}', 1, clock_timestamp(), 'api', '2')",
    )
    .execute(&mut *first)
    .await
    .unwrap();

    let asked = vec![newcomer("1", &["s"]), newcomer("2", &["s"])];
    let store = fixture.store.clone();
    let second = tokio::spawn(async move { store.provision(&source(), asked).await });
    fixture.until_somebody_waits_for_a_lock().await;
    first.commit().await.unwrap();
    let second = second.await.unwrap().unwrap();
    let created: Vec<_> = second.iter().map(|one| one.created).collect();
    assert_eq!(created, [true, false]);
    assert_eq!(second[1].record.state, OwnerState::Blocked);
    assert_eq!(second[1].record.created_by, CreatedBy::Api);
    assert_eq!(second[1].sub_owners_created, 1);
    assert_eq!(races(&fixture.store), (3, 1));
}

#[tokio::test]
async fn no_sub_owner_slips_in_below_an_owner_that_is_being_deleted() {
    let fixture = Fixture::new(On::Postgres).await;
    fixture.enter(&["1"]).await;
    let url = &fixture.config.url;
    let mut first = PgConnection::connect(url).await.unwrap();
    let mut first = first.begin().await.unwrap();
    sqlx::query("UPDATE owners SET state = 'deleted', version = 2 WHERE owner_id = '1'")
        .execute(&mut *first)
        .await
        .unwrap();
    let store = fixture.store.clone();
    let asked = vec![newcomer("1", &["t"])];
    let second = tokio::spawn(async move { store.provision(&source(), asked).await });
    fixture.until_somebody_waits_for_a_lock().await;
    first.commit().await.unwrap();
    let second = second.await.unwrap().unwrap();
    assert_eq!(second[0].record.state, OwnerState::Deleted);
    assert_eq!(second[0].sub_owners_created, 0);
    assert_eq!(second[0].record.sub_owners, []);
}

/// Newcomers, changes by hand, commits and the relay at once, each in an order of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_writes_at_once_meets_no_deadlock() {
    const OWNERS: usize = 250;
    let fixture = Fixture::new(On::Postgres).await;
    let sink = SinkRegistration {
        name: "log".to_owned(),
        types: Vec::new(),
    };
    fixture.store.register_sinks(&[sink]).await.unwrap();
    fixture.enter(&["0"]).await;
    let lease = fixture.lease().await;
    let mut tasks = Vec::new();
    for (node, stride) in [7, 11, 13, 249].into_iter().enumerate() {
        let store = match node % 2 {
            0 => fixture.store.clone(),
            _ => fixture.other_node().await,
        };
        tasks.push(tokio::spawn(async move {
            storm(store, OWNERS, stride).await;
        }));
    }
    let store = fixture.store.clone();
    tasks.push(tokio::spawn(async move { change_all(store, OWNERS).await }));
    for number in 0..20 {
        fixture
            .commit(vec![lease.filled("0", number - 1, number)])
            .await;
        let due = fixture.store.due_deliveries("log", 100).await.unwrap();
        let sent = due.iter().map(|d| (d.event_id, DeliveryOutcome::Sent));
        let settled = fixture.store.settle_deliveries("log", sent.collect());
        settled.await.unwrap();
    }
    for task in tasks {
        task.await.unwrap();
    }
    let summary = fixture.store.summary().await.unwrap();
    assert_eq!(summary.sub_owners, 2 * OWNERS as u64);
    fixture.assert_invariants().await;
    let log = Postgres::of_this_process().log();
    assert!(!log.contains("deadlock"), "{log}");
}

/// Blocks and restores whoever is there, backwards.
async fn change_all(store: Store, owners: usize) {
    for owner in (1..owners).rev() {
        for state in [OwnerState::Blocked, OwnerState::Active] {
            let (source, owner_id) = (source(), owner_id(&owner.to_string()));
            let change = store.change_owner(&source, &owner_id, change_state(state));
            change.await.unwrap();
        }
    }
}
