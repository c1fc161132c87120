//! Owners are found by a part of their id that few have, with the index of trigrams and without.

use std::time::Duration;

use rollcall_store::{OwnerFilter, Store};

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
