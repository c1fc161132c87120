//! Keys, users, sessions: valid until they expire or are revoked, by the database's clock. And the
//! audit log.

use std::time::Duration;

use rollcall_store::{
    AuditEntry, AuditOutcome, KeyStanding, NewKey, NewUser, Role, SecretHash, UserChange,
};
use uuid::Uuid;

use crate::fixture::{Fixture, On};

fn key(number: u8) -> NewKey {
    NewKey {
        key_id: Uuid::from_u128(u128::from(number)),
        name: format!("key {number}"),
        role: Role::Operator,
        secret_hash: SecretHash([number; 32]),
        created_by: "test".to_owned(),
        lifetime: None,
    }
}

async fn a_key_is_found_by_its_secret_alone(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let made = store.create_key(key(1)).await.unwrap();
    assert_eq!(made.role, Role::Operator);
    assert_eq!((made.expires_at, made.revoked_at), (None, None));
    let found = store.key_by_secret(SecretHash([1; 32])).await.unwrap();
    assert_eq!(found, KeyStanding::Valid(made.clone()));
    let other = store.key_by_secret(SecretHash([2; 32])).await.unwrap();
    assert_eq!(other, KeyStanding::Unknown);
    assert_eq!(store.list_keys().await.unwrap(), [made]);
}

async fn a_revoked_key_is_told_from_an_unknown_one_and_stays_in_the_list(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let key_id = store.create_key(key(1)).await.unwrap().key_id;
    let revoked = store.revoke_key(key_id).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    let found = store.key_by_secret(SecretHash([1; 32])).await.unwrap();
    assert_eq!(found, KeyStanding::Revoked(revoked.clone()));
    // Again changes nothing.
    let again = store.revoke_key(key_id).await.unwrap();
    assert_eq!(again, Some(revoked.clone()));
    assert_eq!(store.list_keys().await.unwrap(), [revoked]);
    assert_eq!(store.revoke_key(Uuid::from_u128(9)).await.unwrap(), None);
}

async fn a_key_expires_by_the_databases_clock(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let brief = NewKey {
        lifetime: Some(Duration::ZERO),
        ..key(1)
    };
    let long = NewKey {
        lifetime: Some(Duration::from_secs(3_600)),
        ..key(2)
    };
    let brief = store.create_key(brief).await.unwrap();
    let long = store.create_key(long).await.unwrap();
    let lasts = long.expires_at.unwrap();
    assert_eq!(lasts, long.created_at.plus(Duration::from_secs(3_600)));
    let found = store.key_by_secret(SecretHash([1; 32])).await.unwrap();
    assert_eq!(found, KeyStanding::Expired(brief));
    let found = store.key_by_secret(SecretHash([2; 32])).await.unwrap();
    assert_eq!(found, KeyStanding::Valid(long));
}

fn user(name: &str) -> NewUser {
    NewUser {
        user_name: name.to_owned(),
        role: Role::Viewer,
        password_hash: "hash 1".to_owned(),
        created_by: "test".to_owned(),
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Opens session `number` of ada.
async fn open(fixture: &Fixture, number: u8, hash: &str, lifetime: Duration) -> bool {
    let secret = SecretHash([number; 32]);
    let (name, hash) = ("ada".to_owned(), hash.to_owned());
    let opened = fixture.store.open_session(name, hash, secret, lifetime);
    opened.await.unwrap().is_some()
}

async fn is_open(fixture: &Fixture, number: u8) -> bool {
    let found = fixture.store.session_user(SecretHash([number; 32]));
    found.await.unwrap().is_some()
}

async fn a_user_is_entered_once_and_listed_by_name(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let grace = store.create_user(user("grace")).await.unwrap().unwrap();
    let ada = store.create_user(user("ada")).await.unwrap().unwrap();
    assert_eq!(store.create_user(user("ada")).await.unwrap(), None);
    assert_eq!(store.list_users().await.unwrap(), [ada, grace.clone()]);
    let found = store.password_hash("ada".to_owned()).await.unwrap();
    assert_eq!(found.as_deref(), Some("hash 1"));
    assert_eq!(store.password_hash("eve".to_owned()).await.unwrap(), None);
    let deleted = store.delete_user("grace".to_owned()).await.unwrap();
    assert_eq!(deleted, Some(grace));
    assert_eq!(store.delete_user("grace".to_owned()).await.unwrap(), None);
    assert_eq!(store.list_users().await.unwrap().len(), 1);
}

async fn a_session_is_its_users_until_it_expires_or_is_closed(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let ada = store.create_user(user("ada")).await.unwrap();
    assert!(open(&fixture, 1, "hash 1", HOUR).await);
    assert!(open(&fixture, 2, "hash 1", Duration::ZERO).await);
    assert!(!open(&fixture, 3, "another hash", HOUR).await);
    let found = store.session_user(SecretHash([1; 32])).await.unwrap();
    assert_eq!(found, ada);
    assert!(!is_open(&fixture, 2).await, "it has expired");
    assert!(!is_open(&fixture, 3).await, "it was never opened");
    store.close_session(SecretHash([1; 32])).await.unwrap();
    store.close_session(SecretHash([1; 32])).await.unwrap();
    assert!(!is_open(&fixture, 1).await);
}

async fn whoever_loses_a_password_or_a_role_loses_the_sessions(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    store.create_user(user("ada")).await.unwrap();
    assert!(open(&fixture, 1, "hash 1", HOUR).await);
    let change = UserChange {
        role: Some(Role::Admin),
        password_hash: None,
    };
    let changed = store.change_user("ada".to_owned(), change).await.unwrap();
    assert_eq!(changed.unwrap().role, Role::Admin);
    assert!(!is_open(&fixture, 1).await);
    assert!(open(&fixture, 2, "hash 1", HOUR).await);
    let change = UserChange {
        role: None,
        password_hash: Some("hash 2".to_owned()),
    };
    let changed = store.change_user("ada".to_owned(), change).await.unwrap();
    assert_eq!(changed.unwrap().role, Role::Admin);
    assert!(!is_open(&fixture, 2).await);
    assert!(!open(&fixture, 3, "hash 1", HOUR).await);
    assert!(open(&fixture, 3, "hash 2", HOUR).await);
    store.delete_user("ada".to_owned()).await.unwrap();
    assert!(!is_open(&fixture, 3).await);
    let nobody = UserChange::default();
    let changed = store.change_user("ada".to_owned(), nobody).await.unwrap();
    assert_eq!(changed, None);
}

async fn a_change_is_in_the_audit_log_before_it_is_made_and_with_its_end_after(on: On) {
    let fixture = Fixture::new(on).await;
    let store = &fixture.store;
    let entry = |number: u8| AuditEntry {
        node: "node-1".to_owned(),
        caller: "key:deploy".to_owned(),
        action: "PATCH /api/v1/owners/{owner_id}".to_owned(),
        target: format!("/api/v1/owners/{number}"),
    };
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(store.begin_audit(entry(number)).await.unwrap());
    }
    let outcome = AuditOutcome {
        status: 200,
        before: Some(r#"{"gain": 1.0}"#.to_owned()),
        after: None,
    };
    store.end_audit(ids[1], outcome).await.unwrap();
    let first = store.list_audit(2, None).await.unwrap();
    let targets = |rows: &[rollcall_store::AuditRow]| -> Vec<String> {
        rows.iter().map(|row| row.target.clone()).collect()
    };
    let newest = ["/api/v1/owners/2", "/api/v1/owners/1"];
    assert_eq!(targets(&first.items), newest);
    assert_eq!(first.items[0].status, None);
    assert_eq!(first.items[1].status, Some(200));
    let before = first.items[1].before.as_ref().unwrap();
    assert_eq!(before.get(), r#"{"gain": 1.0}"#);
    assert!(first.items[1].after.is_none());
    let rest = store.list_audit(2, first.next_cursor.as_deref());
    let rest = rest.await.unwrap();
    assert_eq!(targets(&rest.items), ["/api/v1/owners/0"]);
    assert_eq!(rest.next_cursor, None);
}

on_both!(
    a_key_is_found_by_its_secret_alone,
    a_revoked_key_is_told_from_an_unknown_one_and_stays_in_the_list,
    a_key_expires_by_the_databases_clock,
    a_user_is_entered_once_and_listed_by_name,
    a_session_is_its_users_until_it_expires_or_is_closed,
    whoever_loses_a_password_or_a_role_loses_the_sessions,
    a_change_is_in_the_audit_log_before_it_is_made_and_with_its_end_after,
);
