//! Owners are counted while they are entered by many at once, and while what is counted is added up.

use std::time::Duration;

use rollcall_model::OwnerState;
use tokio::time::timeout;

use crate::fixture::Site;

/// Longer than anything here takes, and shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(20);
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
    let all_at_once =
        async { tokio::join!(entered(0), entered(1), entered(2), counted(0), counted(1)) };
    timeout(PATIENCE, all_at_once).await.unwrap();
    let added_up = async {
        while site.count("SELECT count(*) FROM state_counts").await > 1_000 {
            nodes[0].store.summary().await.unwrap();
        }
    };
    timeout(PATIENCE, added_up).await.unwrap();
    let sum = site.count("SELECT sum(number)::bigint FROM state_counts WHERE counted = 'owners'");
    assert_eq!(sum.await, i64::try_from(all).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_rows_there_are_they_are_added_up_in_the_end() {
    let site = Site::new();
    let node = site.node("a", Duration::from_secs(15)).await;
    site.execute(
        "INSERT INTO state_counts (counted, state, number)
         SELECT 'owners', 'active', 1 FROM generate_series(1, 60000)",
    )
    .await;
    let added_up = async {
        while site.count("SELECT count(*) FROM state_counts").await > 1_000 {
            let summary = node.store.summary().await.unwrap();
            assert_eq!(summary.owners[&OwnerState::Active], 60_000);
        }
    };
    timeout(PATIENCE, added_up).await.unwrap();
}
