//! The live stream: whichever node one asks, what every node commits is seen while it happens.

use std::collections::BTreeSet;

use reqwest::Response;
use serde_json::Value;

use crate::harness::message::status;
use crate::harness::scene::{Scene, held};
use crate::harness::wait::PATIENCE;

const PARTITIONS: u32 = 4;
const NODES: [&str; 2] = ["a", "b"];

/// Server-sent events as they come.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    /// The data of the next event of this name.
    async fn next(&mut self, name: &str) -> Value {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let mut lines = event.lines();
                let named = lines.next() == Some(&format!("event: {name}"));
                let data: String = lines
                    .filter_map(|line| line.strip_prefix("data: "))
                    .collect();
                self.text = rest.to_owned();
                if named {
                    return serde_json::from_str(&data).unwrap();
                }
                continue;
            }
            let more = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let more = more.unwrap().unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_shows_what_all_commit() {
    let scene = Scene::open(PARTITIONS, "\"15s\"").await;
    let nodes = scene.nodes(NODES).await;
    let leases = scene.spread(&NODES).await;
    let response = nodes[0].api.stream("/api/v1/stream").await;
    let mut events = Events {
        response,
        text: String::new(),
    };
    // The other node hears of the listener within a second: until then it is sent to again.
    let (sender, others) = (scene.site.sender().await, held(&leases, "b"));
    let mut seen = BTreeSet::new();
    while !seen.is_superset(&others) {
        for partition in 0..PARTITIONS {
            sender.send(partition, [status("1", "s", "21.5")]).await;
        }
        let shown = events.next("status").await;
        assert_eq!(
            (&shown["owner_id"], &shown["data"]),
            (&"1".into(), &21.5.into())
        );
        seen.insert(shown["partition_id"].as_i64().unwrap());
    }
    sender.close().await;
    scene.ends(None, nodes.into()).await;
}
