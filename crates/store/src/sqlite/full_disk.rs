//! A full disk, played by a limit on the pages that the writer may use.

use rollcall_model::{CreatedBy, EventSource, OwnerId, OwnerState, Settings, SubOwnerId};

use crate::store::Backend;
use crate::{Config, Health, Kind, Newcomer, Store};

fn newcomers(count: usize) -> Vec<Newcomer> {
    (0..count)
        .map(|number| Newcomer {
            owner_id: OwnerId::parse(&format!("owner-{number}")).unwrap(),
            sub_owner_ids: vec![SubOwnerId::parse("s").unwrap()],
            state: OwnerState::Active,
            created_by: CreatedBy::Stream,
            sub_owners_created_by: CreatedBy::Stream,
            display_name: None,
            settings: Settings::default(),
        })
        .collect()
}

/// From now on no page can be added.
async fn fill(store: &Store) {
    let Backend::Sqlite(database) = store.backend() else {
        panic!("the store is one of SQLite");
    };
    let writer = database.writer.as_ref().unwrap();
    let mut connection = writer.pool.acquire().await.unwrap();
    // A limit below the current size means the current size.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&mut *connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_leaves_nothing_half_stored() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("roll.db");
    let config = Config::new(format!("sqlite://{}", file.display()));
    let store = Store::open(config).await.unwrap();
    let source = EventSource::new("localhost", "statuses");
    let asked = newcomers(3_000);

    fill(&store).await;
    let error = store.provision(&source, asked.clone()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    let fault = store.health().fault.unwrap();
    assert!(fault.error.contains("full"), "{}", fault.error);
    assert_eq!(store.summary().await.unwrap().sub_owners, 0);

    // SQLite rolled back by itself; the writer must be usable all the same.
    let entered = store.provision(&source, asked).await.unwrap();
    assert!(entered.iter().all(|provisioned| provisioned.created));
    assert_eq!(store.health(), Health::default());
    let findings = store.check_invariants().await.unwrap();
    assert!(findings.iter().all(|finding| finding.fault.is_none()));
}
