//! What a fleet's ledger says that the hub has taken, against the hub's log.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Partition and body.
type Sent = (i64, Box<[u8]>);

/// How often an event was acknowledged, may have been taken besides, and is in the log.
#[derive(Default)]
struct Counts {
    acknowledged: usize,
    unknown: usize,
    logged: usize,
}

/// Each event is in the log as often as it was acknowledged, and beyond that at most as often as
/// nobody knows. Gives how many were acknowledged.
pub(crate) fn is_logged<'a>(
    ledger: &Path,
    log: impl IntoIterator<Item = (i64, &'a [u8])>,
) -> usize {
    let mut events = HashMap::<Sent, Counts>::new();
    for line in BufReader::new(File::open(ledger).unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let counts = events.entry(sent(&line)).or_default();
        match &line["acked"] {
            Value::Bool(true) => counts.acknowledged += 1,
            Value::Bool(false) => {}
            _ => counts.unknown += 1,
        }
    }
    for (partition, body) in log {
        events.entry((partition, body.into())).or_default().logged += 1;
    }
    for ((partition, body), counts) in &events {
        let most = counts.acknowledged + counts.unknown;
        assert!(
            (counts.acknowledged..=most).contains(&counts.logged),
            "acknowledged {} times, unknown {} times, logged {} times: {} on partition {partition}",
            counts.acknowledged,
            counts.unknown,
            counts.logged,
            String::from_utf8_lossy(body)
        );
    }
    events.values().map(|counts| counts.acknowledged).sum()
}

fn sent(line: &Value) -> Sent {
    let partition = line["partition"].as_str().unwrap().parse().unwrap();
    let body = match line["body"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD
            .decode(line["body_base64"].as_str().unwrap())
            .unwrap(),
    };
    (partition, body.into())
}
