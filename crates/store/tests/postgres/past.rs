//! An older copy of the database in its place.

use std::time::Duration;

use rollcall_model::SequenceNumber;
use rollcall_store::{Answer, Kind, Refusal};
use rollcall_test_servers::Postgres;

use crate::fixture::Site;

const TTL: Duration = Duration::from_secs(600);

#[tokio::test]
async fn what_was_made_from_a_lost_past_is_not_stored_although_lease_and_position_are_right() {
    let cluster: &'static Postgres = Box::leak(Box::new(Postgres::start().unwrap()));
    let site = Site::on(cluster);
    let node = site.node("a", TTL).await;
    site.enter(&["1"]).await;
    let lease = node.claim(3).await;
    assert_eq!(
        node.commit(&[lease.batch("1", -1, 9)]).await,
        [Answer::Committed]
    );
    let copy = cluster.snapshot().unwrap();
    site.enter(&["2", "3", "4"]).await;
    let seen = node.store.changes_since(None).await.unwrap();
    assert!(!seen.past_is_lost);
    cluster.restore(&copy).unwrap();

    // The copy has the same lease and position, and has never heard of what this node knows.
    let batch = lease.batch("1", 9, 12);
    let mut kinds = Vec::new();
    for _ in 0..5 {
        let refused = node.store.commit(vec![batch.clone()]).await.unwrap_err();
        kinds.push(refused.kind);
    }
    assert!(
        kinds
            .iter()
            .all(|kind| matches!(kind, Kind::Unavailable | Kind::Unknown)),
        "{kinds:?}"
    );
    // The copy comes further than the database was: what is lost stays lost.
    site.enter(&["5", "6", "7", "8", "9"]).await;
    let seen = node.store.changes_since(Some(seen.cursor)).await.unwrap();
    assert!(seen.past_is_lost);

    node.store.begin_anew().await.unwrap();
    let seen = node.store.changes_since(Some(seen.cursor)).await.unwrap();
    assert!(!seen.past_is_lost);
    let stored = Some(SequenceNumber(9));
    let misplaced = Answer::Refused(Refusal::Misplaced { stored });
    assert_eq!(node.commit(&[batch]).await, [misplaced]);
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 10);
    let anew = node.claim(3).await;
    assert_eq!(
        node.commit(&[anew.batch("1", 9, 12)]).await,
        [Answer::Committed]
    );
    assert_eq!(site.count("SELECT count(*) FROM statuses").await, 13);
}
