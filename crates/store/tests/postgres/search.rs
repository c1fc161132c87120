//! Owners are found by a part of their id that few have, with the index of trigrams and without.

use std::time::Duration;

use rollcall_model::OwnerState;
use rollcall_store::{OwnerFilter, OwnerSort, Store};

use crate::fixture::Site;

/// So many that reading all of them costs more than the index.
const FILL: &str = "INSERT INTO owners
        (owner_id, state, settings, version, created_at, created_by, search)
    SELECT id, 'active', '{}', 1, now(), 'stream', id
    FROM generate_series(1, 20000) AS n, LATERAL (SELECT 'site-' || md5(n::text) AS id) AS named";
/// The fourth of them, and a part of its id.
const FOURTH: &str = "site-a87ff679a2f3e71d9181a67b7542122c";
const PART: &str = "7FF679A2F3";

async fn found(store: &Store, part: &str) -> Vec<String> {
    let filter = OwnerFilter {
        q: Some(part.to_owned()),
        ..OwnerFilter::default()
    };
    let page = store.list_owners(&filter, 10, None).await.unwrap();
    let id = |owner: rollcall_model::Owner| owner.owner_id.as_str().to_owned();
    page.items.into_iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_few_have_is_found_by_the_index() {
    let site = Site::new();
    let node = site.node("a", Duration::from_secs(15)).await;
    site.execute(FILL).await;
    site.execute("VACUUM ANALYZE owners").await;
    // As often as a prepared statement takes before it may get a plan that is the same for all.
    for _ in 0..8 {
        assert_eq!(found(&node.store, PART).await, [FOURTH]);
        assert_eq!(found(&node.store, "site-").await.len(), 10);
        assert!(found(&node.store, "site_").await.is_empty());
    }
    // A session tells its figures when it ends.
    site.ends_other_sessions().await;
    let scans = site
        .count("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'owners_by_search'");
    assert!(scans.await >= 8);
    let read = site.count("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'owners'");
    // VACUUM and ANALYZE are not counted there.
    assert!(read.await < 20_000, "none of them read all owners");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_the_extension_is_searched_without_it() {
    let site = Site::new();
    site.execute("CREATE ROLE bound LOGIN").await;
    site.execute("GRANT ALL ON SCHEMA public TO bound").await;
    let store = Store::open(site.config_of("bound")).await.unwrap();
    let index = "SELECT count(*) FROM pg_indexes WHERE indexname = 'owners_by_search'";
    assert_eq!(site.count(index).await, 0);
    site.enter(&["plant-7", "plant-8"]).await;
    assert_eq!(found(&store, "T-7").await, ["plant-7"]);
}

/// Those whose names have it stand last by id and by creation; one in a hundred of the rest is pending.
const FILL_UNEVENLY: &str = "INSERT INTO owners
        (owner_id, state, settings, version, created_at, created_by, search)
    SELECT id, CASE WHEN n % 100 = 0 THEN 'pending' ELSE 'active' END, '{}', 1,
        now() + n * interval '1 second', 'stream',
        id || CASE WHEN n > 38000 THEN ' annex' ELSE '' END
    FROM generate_series(1, 40000) AS n, LATERAL (SELECT 'site-' || lpad(n::text, 5, '0') AS id) AS named";
const ANNEXES: std::ops::RangeInclusive<u32> = 38_001..=40_000;

#[tokio::test(flavor = "multi_thread")]
async fn matches_at_the_end_of_a_long_list_are_found_without_reading_all_of_it() {
    let site = Site::new();
    let node = site.node("a", Duration::from_secs(15)).await;
    site.execute(FILL_UNEVENLY).await;
    site.execute("VACUUM ANALYZE owners").await;
    // A plan that goes by the order of the list reads all 38,000 before the first match.
    let first = ANNEXES.map(|n| format!("site-{n:05}")).take(10);
    assert_eq!(found(&node.store, "annex").await, first.collect::<Vec<_>>());
    site.ends_other_sessions().await;
    let read = site.count("SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'owners'");
    let read = read.await;
    assert!((1..10_000).contains(&read), "{read} were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_at_the_end_of_a_long_list_are_found_page_by_page_in_every_order() {
    let site = Site::new();
    let node = site.node("a", Duration::from_secs(15)).await;
    site.execute(FILL_UNEVENLY).await;
    site.execute("VACUUM ANALYZE owners").await;
    let rising: Vec<_> = ANNEXES.map(|n| format!("site-{n:05}")).collect();
    let falling: Vec<_> = rising.iter().rev().cloned().collect();
    for (sort, all) in [
        (OwnerSort::Id, &rising),
        (OwnerSort::IdFalling, &falling),
        (OwnerSort::Created, &rising),
        (OwnerSort::CreatedFalling, &falling),
    ] {
        for state in [None, Some(OwnerState::Active)] {
            let filter = OwnerFilter {
                q: Some("Annex".to_owned()),
                state,
                sort,
            };
            let is_active = |id: &&String| state.is_none() || !id.ends_with("00");
            let expected: Vec<_> = all.iter().filter(is_active).cloned().collect();
            assert_eq!(pages(&node.store, &filter).await, expected, "{sort:?}");
        }
    }
}

/// Ids of all pages.
async fn pages(store: &Store, filter: &OwnerFilter) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list_owners(filter, 400, cursor.as_deref());
        let page = page.await.unwrap();
        ids.extend(page.items.into_iter().map(|it| it.owner_id.to_string()));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return ids;
        }
    }
}
