//! A hub whose disk lost what it had confirmed: what is missing is told, and the rest is stored once.
//! A log that lost its end is in `generations.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::harness::ledger::Ledger;
use crate::harness::message::status;
use crate::harness::site::Site;
use crate::harness::truth::Truth;

/// The segments of the only partition, the oldest first.
fn segments(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.hub_dir().join("partition-0000")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files
}

#[tokio::test]
async fn what_a_sealed_segment_lost_is_a_gap_and_the_dump_tells_where() {
    const EVENTS: usize = 4_000;
    let mut site = Site::apart(1);
    site.set("hub.retention_size", "\"1MiB\"");
    let hub = site.start_hub().await;
    let sender = site.sender().await;
    for part in 0..EVENTS / 200 {
        let bodies =
            (0..200).map(|number| status(&format!("owner-{part}"), "1", &number.to_string()));
        sender.send(0, bodies).await;
    }
    sender.close().await;
    assert!(hub.terminate().await.success());
    let files = segments(&site);
    assert!(files.len() >= 3, "{files:?}");
    let first_of = |file: &PathBuf| -> i64 {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        stem.parse().unwrap()
    };
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0);
    fs::write(&files[1], bytes).unwrap();

    let truth = Truth::read_damaged(&site.hub_dir());
    let next = first_of(&files[2]);
    let numbers = truth.events.keys().map(|(_, number)| *number);
    let last_before = numbers.filter(|number| *number < next).max().unwrap();
    assert!(last_before > first_of(&files[1]) && last_before < next - 1);

    let dump = site.run(&["hub", "dump"]).await;
    let told = String::from_utf8_lossy(&dump.stderr);
    assert_eq!(dump.status.code(), Some(69), "{told}");
    let segment = files[1].to_str().unwrap();
    for part in [segment, "damaged from byte", "restore it"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert_eq!(
        String::from_utf8(dump.stdout).unwrap().lines().count(),
        truth.len()
    );

    let hub = site.start_hub().await;
    let node = site.start_node().await;
    site.settled_at(&site.database(), &truth).await;
    let stream = site.database().streams().await[0];
    let truths = BTreeMap::from([(stream, truth)]);
    Ledger::of_streams(site.database().read().await, truths).holds_at_the_end();
    let (_, gaps) = site.api().get("/api/v1/gaps").await;
    let gap = &gaps["items"][0];
    assert_eq!(gap["after_sequence_number"], json!(last_before));
    assert_eq!(gap["upto_sequence_number"], json!(next - 1));
    assert_eq!(gap["reason"], json!("missing"));
    assert!(node.terminate().await.success());
    assert!(hub.terminate().await.success());
}
