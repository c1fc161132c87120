//! The directory's bound, far below the number of owners.

use rand::seq::SliceRandom;

use crate::harness::message::status;
use crate::harness::seed;
use crate::harness::site::Site;

const OWNERS: usize = 2_000;
const ROUNDS: usize = 3;

#[tokio::test]
async fn everything_holds_with_room_for_a_fraction_of_the_owners() {
    let mut random = seed::random();
    let mut site = Site::embedded(4);
    site.set("registry.max_resident_entries", "100");
    site.set("registry.owner_shards", "4");
    site.set("pipeline.batch_max_events", "100");
    let node = site.start_node().await;
    let sender = site.sender().await;
    for _ in 0..ROUNDS {
        let mut owners: Vec<_> = (0..OWNERS).collect();
        owners.shuffle(&mut random);
        for (partition, share) in (0..).zip(owners.chunks(OWNERS / 4)) {
            let bodies = share
                .iter()
                .map(|owner| status(&format!("owner {owner}"), "1", "{}"));
            sender.send(partition, bodies).await;
        }
    }
    sender.close().await;
    let truth = site.holds_at_the_end().await;
    assert_eq!(truth.len(), OWNERS * ROUNDS);

    let api = site.api();
    let forgotten = api.counter("rollcall_owners_looked_up_total").await;
    assert!(
        forgotten > OWNERS as u64,
        "{forgotten} owners were looked up again"
    );
    let (_, shards) = api.get("/api/v1/shards").await;
    let shards = shards["items"].as_array().unwrap().clone();
    let resident: u64 = shards
        .iter()
        .map(|shard| shard["owners"].as_u64().unwrap())
        .sum();
    assert!(resident <= 100, "{resident} owners are resident");
    assert!(node.terminate().await.success());
}
