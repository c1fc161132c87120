//! How newcomers are looked up.

use std::time::Duration;

use rollcall_model::{CreatedBy, EventSource, OwnerId, OwnerState, Settings, SubOwnerId};
use rollcall_store::Newcomer;

use crate::fixture::Site;

const ROUNDS: usize = 40;
const NEWCOMERS: usize = 50;

fn newcomer(number: usize) -> Newcomer {
    Newcomer {
        owner_id: OwnerId::parse(&format!("newcomer-{number}")).unwrap(),
        sub_owner_ids: vec![SubOwnerId::parse("s").unwrap()],
        state: OwnerState::Active,
        created_by: CreatedBy::Stream,
        sub_owners_created_by: CreatedBy::Stream,
        display_name: None,
        settings: Settings::default(),
    }
}

/// A connection keeps the plan of a statement that it ran a few times. One that was made while the
/// table was empty must not read the whole table later on.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_on_an_empty_database_reads_no_table_as_a_whole() {
    let site = Site::new();
    let node = site.node("a", Duration::from_secs(15)).await;
    let source = EventSource::new("localhost", "statuses");
    for round in 0..ROUNDS {
        let newcomers: Vec<_> = (round * NEWCOMERS..(round + 1) * NEWCOMERS)
            .map(newcomer)
            .collect();
        let wanted = newcomers
            .iter()
            .map(|it| (it.owner_id.clone(), it.sub_owner_ids.clone()));
        node.store.find_owners(wanted.collect()).await.unwrap();
        node.store.provision(&source, newcomers).await.unwrap();
    }
    // What a session has read is counted, for certain, when it ends.
    drop(node);
    site.ends_other_sessions().await;
    let read = site
        .count("SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables WHERE relname IN ('owners', 'sub_owners')")
        .await;
    let entered = site.count("SELECT count(*) FROM owners").await;
    assert_eq!(entered, i64::try_from(ROUNDS * NEWCOMERS).unwrap());
    assert!(read < 2 * entered, "{read} rows were read in sequence");
}
