//! Changes by hand.

use rollcall_model::{OwnerState, SubOwnerState};
use rollcall_store::{Change, ChangeRefusal, EventFilter, Kind, OwnerPatch};
use sqlx::Connection as _;

use crate::fixture::{Fixture, On, change_state, newcomer, owner_id, settings, sub_owner_id};

async fn change(fixture: &Fixture, patch: OwnerPatch) -> Change {
    fixture.try_change("1", patch).await
}

fn done(change: Change) -> rollcall_model::Owner {
    match change {
        Change::Done(owner) => owner,
        Change::Refused(refusal) => panic!("{refusal:?}"),
    }
}

async fn event_types(fixture: &Fixture) -> Vec<String> {
    let events = fixture
        .store
        .list_events(&EventFilter::default(), 100, None)
        .await
        .unwrap()
        .items;
    events.into_iter().map(|event| event.event_type).collect()
}

async fn a_change_raises_the_version_and_announces_a_new_state_only(on: On) {
    let fixture = Fixture::new(on).await;
    let pending = rollcall_store::Newcomer {
        state: OwnerState::Pending,
        ..newcomer("1", &[])
    };
    fixture.provision(vec![pending]).await;
    let named = OwnerPatch {
        display_name: Some(Some("Mill".to_owned())),
        ..OwnerPatch::default()
    };
    let owner = done(change(&fixture, named).await);
    assert_eq!(
        (owner.version, owner.display_name.as_deref()),
        (2, Some("Mill"))
    );
    assert_eq!(event_types(&fixture).await, ["rollcall.owner.created"]);

    let owner = done(change(&fixture, change_state(OwnerState::Active)).await);
    assert_eq!((owner.version, owner.state), (3, OwnerState::Active));
    assert_eq!(
        fixture.store.owner(&owner_id("1")).await.unwrap(),
        Some(owner)
    );
    let expected = ["rollcall.owner.created", "rollcall.owner.state_changed"];
    assert_eq!(event_types(&fixture).await, expected);
    fixture.assert_invariants().await;
}

async fn where_nothing_differs_the_version_stays(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let owner = done(change(&fixture, change_state(OwnerState::Active)).await);
    assert_eq!(owner.version, 1);
    assert_eq!(event_types(&fixture).await.len(), 2);
}

async fn a_change_of_settings_reaches_the_copies_at_the_sub_owners(on: On) {
    let fixture = Fixture::new(on).await;
    let asked = vec![newcomer("1", &["s", "t"])];
    fixture.provision(asked).await;
    let set = |json: &str| OwnerPatch {
        settings: Some(settings(json)),
        ..OwnerPatch::default()
    };
    done(change(&fixture, set(r#"{"gain":2,"sub_owners":{"s":{"gain":3}}}"#)).await);
    let gain = async |id: &str| {
        let sub_owner = fixture.sub_owner("1", id).await;
        (sub_owner.settings.gain, sub_owner.version)
    };
    assert_eq!(gain("s").await, (Some(3.0), 2));
    assert_eq!(gain("t").await, (None, 1));
    done(change(&fixture, set(r#"{"gain":2}"#)).await);
    assert_eq!(gain("s").await, (None, 3));
}

async fn a_sub_owner_that_is_deleted_is_a_change_of_its_owner(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.provision(vec![newcomer("1", &["s", "t"])]).await;
    let begun = fixture.store.changes_since(None).await.unwrap().cursor;
    let put = |state| OwnerPatch {
        sub_owner_state: Some((sub_owner_id("s"), state)),
        if_version: None,
        changed_by: "test".to_owned(),
        ..OwnerPatch::default()
    };
    let owner = done(change(&fixture, put(SubOwnerState::Deleted)).await);
    assert_eq!(owner.version, 2);
    let changes = fixture.store.changes_since(Some(begun)).await.unwrap();
    assert_eq!(changes.owners, [owner_id("1")], "other nodes hear of it");
    let standing = async |id: &str| {
        let sub_owner = fixture.sub_owner("1", id).await;
        (sub_owner.state, sub_owner.version)
    };
    assert_eq!(standing("s").await, (SubOwnerState::Deleted, 2));
    assert_eq!(standing("t").await, (SubOwnerState::Active, 1));
    let announced = event_types(&fixture).await.len();
    done(change(&fixture, put(SubOwnerState::Active)).await);
    assert_eq!(standing("s").await, (SubOwnerState::Active, 3));
    assert_eq!(event_types(&fixture).await.len(), announced);
}

async fn a_stale_version_is_refused_with_the_current_one(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    let stale = OwnerPatch {
        if_version: Some(2),
        ..change_state(OwnerState::Blocked)
    };
    let refusal = ChangeRefusal::VersionMismatch { version: 1 };
    assert_eq!(change(&fixture, stale).await, Change::Refused(refusal));
    let current = OwnerPatch {
        if_version: Some(1),
        ..change_state(OwnerState::Blocked)
    };
    assert_eq!(done(change(&fixture, current).await).version, 2);
}

async fn an_unknown_owner_is_not_found(on: On) {
    let fixture = Fixture::new(on).await;
    let answer = change(&fixture, change_state(OwnerState::Active)).await;
    assert_eq!(answer, Change::Refused(ChangeRefusal::NotFound));
}

async fn a_deleted_owner_takes_no_change_but_a_restore(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    done(change(&fixture, change_state(OwnerState::Deleted)).await);
    let named = OwnerPatch {
        display_name: Some(Some("Mill".to_owned())),
        ..OwnerPatch::default()
    };
    let refused = Change::Refused(ChangeRefusal::Deleted);
    assert_eq!(change(&fixture, named).await, refused);
    let again = done(change(&fixture, change_state(OwnerState::Deleted)).await);
    assert_eq!(again.version, 2);
    let restored = done(change(&fixture, change_state(OwnerState::Active)).await);
    assert_eq!((restored.version, restored.state), (3, OwnerState::Active));
}

/// Version, settings and who set them, as the history has them.
async fn history(fixture: &Fixture) -> Vec<(i64, String, String)> {
    const SQL: &str = "SELECT version, settings, changed_by FROM settings_history ORDER BY version";
    let (rows, url) = (sqlx::query_as(SQL), &fixture.config.url);
    if fixture.on == On::Sqlite {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        return rows.fetch_all(&mut connection).await.unwrap();
    }
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::query_as(SQL)
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

async fn the_history_has_the_settings_of_every_version_from_the_first_change_on(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1"]).await;
    assert_eq!(history(&fixture).await, []);
    for gain in [2, 3] {
        let set = OwnerPatch {
            settings: Some(settings(&format!(r#"{{"gain":{gain}}}"#))),
            changed_by: "ada".to_owned(),
            ..OwnerPatch::default()
        };
        done(change(&fixture, set).await);
    }
    let row = |version, settings: &str, by: &str| (version, settings.to_owned(), by.to_owned());
    let expected = [
        row(1, "{}", "stream"),
        row(2, r#"{"gain":2.0}"#, "ada"),
        row(3, r#"{"gain":3.0}"#, "ada"),
    ];
    assert_eq!(history(&fixture).await, expected);
}

async fn the_history_is_paged_newest_first_and_is_that_of_one_owner(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.enter(&["1", "2"]).await;
    for (owner, gain) in [("1", 2), ("2", 9), ("1", 3)] {
        let set = OwnerPatch {
            settings: Some(settings(&format!(r#"{{"gain":{gain}}}"#))),
            changed_by: "ada".to_owned(),
            ..OwnerPatch::default()
        };
        fixture.change(owner, set).await;
    }
    let (store, owner) = (&fixture.store, owner_id("1"));
    let first = store.settings_history(&owner, 2, None).await.unwrap();
    let cursor = first.next_cursor.as_deref();
    let second = store.settings_history(&owner, 2, cursor).await.unwrap();
    assert_eq!(second.next_cursor, None);
    let all = first.items.iter().chain(&second.items);
    let shown: Vec<_> = all
        .map(|it| {
            (
                it.version,
                it.settings.calibration.gain,
                it.changed_by.as_str(),
            )
        })
        .collect();
    let expected = [
        (3, Some(3.0), "ada"),
        (2, Some(2.0), "ada"),
        (1, None, "stream"),
    ];
    assert_eq!(shown, expected);
    let nobody = store
        .settings_history(&owner_id("3"), 2, None)
        .await
        .unwrap();
    assert_eq!(nobody.items, []);
    let rubbish = store
        .settings_history(&owner, 2, Some("%"))
        .await
        .unwrap_err();
    assert_eq!(rubbish.kind, Kind::BadCursor);
}

on_both! {
    a_change_raises_the_version_and_announces_a_new_state_only,
    where_nothing_differs_the_version_stays,
    a_change_of_settings_reaches_the_copies_at_the_sub_owners,
    a_sub_owner_that_is_deleted_is_a_change_of_its_owner,
    a_stale_version_is_refused_with_the_current_one,
    an_unknown_owner_is_not_found,
    a_deleted_owner_takes_no_change_but_a_restore,
    the_history_has_the_settings_of_every_version_from_the_first_change_on,
    the_history_is_paged_newest_first_and_is_that_of_one_owner,
}
