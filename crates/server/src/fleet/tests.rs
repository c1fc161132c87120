//! The fleet against the embedded hub: its ledger is the truth.

use std::sync::Arc;
use std::time::Duration;

use rollcall_hub::Hub;
use rollcall_model::{SystemClock, Timestamp};

use super::*;
use crate::sending::{Dispatcher, Doubt, Patience};
use crate::settings::endpoint_of;
use crate::shutdown::Shutdown;

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_tells_exactly_what_the_hub_has() {
    let dir = tempfile::tempdir().unwrap();
    let config = rollcall_hub::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..rollcall_hub::Config::new(dir.path().join("hub"))
    };
    let hub = Hub::start(config, Arc::new(SystemClock)).await.unwrap();
    let source = rollcall_source::Config {
        custom_endpoint: Some(endpoint_of(hub.address())),
        ..rollcall_source::Config::default()
    };
    let patience = Patience {
        doubt: Doubt::Leave,
        give_up_after: None,
    };
    let (dispatcher, reports) = Dispatcher::start(source, patience).await.unwrap();
    let ids = dispatcher.partitions().to_vec();
    let fleet = Fleet {
        owners: 50,
        sub_owners: 4,
        interval: Duration::from_millis(100),
        seed: 11,
        malformed: 0.1,
        duplicates: 0.1,
    };
    let plan = Plan::new(fleet, ids.len(), Timestamp::EPOCH);
    let path = dir.path().join("ledger.ndjson");
    let counts = Arc::new(Counts::default());
    let ledger = Some(Ledger::create(&path).unwrap());
    let recording = tokio::spawn(record(reports, ids, Arc::clone(&counts), ledger));
    let drive = Drive {
        duration: None,
        events: Some(1_000),
    };
    let (_signals, shutdown) = Shutdown::by_hand();
    drive.run(plan, dispatcher, shutdown).await;
    recording.await.unwrap().unwrap();
    hub.stop().await;
    assert_eq!(counts.acknowledged(), 1_000);
    let mut told: Vec<_> = std::fs::read_to_string(&path)
        .unwrap()
        .lines()
        .map(of_line)
        .collect();
    let mut found: Vec<_> = rollcall_hub::dump(&dir.path().join("hub"))
        .unwrap()
        .map(Result::unwrap)
        .map(|event| (event.partition_id.to_string(), event.body))
        .collect();
    told.sort();
    found.sort();
    assert_eq!(told, found);
}

fn of_line(line: &str) -> (String, Vec<u8>) {
    use base64::Engine;
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["acked"], true);
    let body = match line["body"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => {
            let text = line["body_base64"].as_str().unwrap();
            base64::engine::general_purpose::STANDARD
                .decode(text)
                .unwrap()
        }
    };
    (line["partition"].as_str().unwrap().to_owned(), body)
}
