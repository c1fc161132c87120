//! Several nodes on one PostgreSQL.

use std::time::{Duration, Instant};

use rollcall_test_servers::Postgres;

use super::world::{World, accepting, arrived, config, eventually, receiver, tally, webhook};

/// A node that died is followed up after 15 s.
const AT_ONCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn one_node_sends_to_a_sink_and_a_clean_stop_hands_it_over_at_once() {
    let database = Postgres::of_this_process().new_database().unwrap();
    let (a, b) = (
        World::node(&database.url()).await,
        World::node(&database.url()).await,
    );
    let server = receiver(accepting()).await;
    let sinks = || config(vec![webhook("hook", server.uri())]);
    let first = a.relay(sinks()).await;
    a.enter(&["1", "2"]).await;
    eventually("the first sends", async || {
        first.status().sinks[0].sent == 2
    })
    .await;
    let second = b.relay(sinks()).await;
    b.enter(&["3"]).await;
    eventually("the first sends on", async || {
        first.status().sinks[0].sent == 3
    })
    .await;
    assert_eq!(second.status().sinks[0].sent, 0);

    first.stop().await;
    let stopped = Instant::now();
    b.enter(&["4"]).await;
    eventually("the second sends", async || {
        second.status().sinks[0].sent == 1
    })
    .await;
    assert!(stopped.elapsed() < AT_ONCE, "{:?}", stopped.elapsed());
    second.stop().await;
    assert_eq!(arrived(&server).await.len(), 4);
    assert!(tally(&server).await.values().all(|ids| ids.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_sinks_another_node_replaced_says_so() {
    let database = Postgres::of_this_process().new_database().unwrap();
    let (a, b) = (
        World::node(&database.url()).await,
        World::node(&database.url()).await,
    );
    let server = receiver(accepting()).await;
    let both = ["kept", "replaced"].map(|name| webhook(name, server.uri()));
    let first = a.relay(config(both.to_vec())).await;
    let second = b.relay(config(vec![webhook("kept", server.uri())])).await;
    eventually("the sink says that it is not registered", async || {
        first.status().sinks[1].fault.is_some()
    })
    .await;
    let status = first.status();
    assert_eq!(status.sinks[0].fault, None);
    let fault = status.sinks[1].fault.as_deref().unwrap();
    assert!(fault.contains("the same events.sinks"), "{fault}");
    second.stop().await;

    let third = b.relay(config(both.to_vec())).await;
    eventually("the sink is registered again", async || {
        first.status().sinks[1].fault.is_none()
    })
    .await;
    first.stop().await;
    third.stop().await;
}
