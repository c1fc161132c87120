//! Owners are counted while they are entered by many at once, and while what is counted is added up.

use std::time::Duration;

use rollcall_model::OwnerState;

use crate::fixture::Site;

/// Each of them a statement, and so a row that is to be added up.
const OWNERS_EACH: usize = 600;

#[tokio::test(flavor = "multi_thread")]
async fn no_owner_is_lost_or_counted_twice_while_counts_are_added_up() {
    let site = Site::new();
    let nodes = [
        site.node("a", Duration::from_secs(15)).await,
        site.node("b", Duration::from_secs(15)).await,
    ];
    let entered = async |writer: usize| {
        let ids: Vec<_> = (0..OWNERS_EACH).map(|n| format!("{writer}-{n}")).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        site.enter(&ids).await;
    };
    let all = u64::try_from(3 * OWNERS_EACH).unwrap();
    let counted = async |node: usize| {
        let mut last = 0;
        while last < all {
            let summary = nodes[node].store.summary().await.unwrap();
            let owners = summary.owners[&OwnerState::Active];
            assert!(last <= owners && owners <= all, "{last}, then {owners}");
            last = owners;
        }
    };
    tokio::join!(entered(0), entered(1), entered(2), counted(0), counted(1));
    // On a slow machine it may take more than one reader.
    while site.count("SELECT count(*) FROM state_counts").await > 1_000 {
        nodes[0].store.summary().await.unwrap();
    }
    let added_up = site.count("SELECT max(number) FROM state_counts").await;
    assert!(added_up > 1_000, "{added_up}");
}
