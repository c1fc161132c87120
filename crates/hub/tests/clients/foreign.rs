//! The Python and the JavaScript client, unmodified.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rollcall_hub::DEVELOPMENT_CONNECTION_STRING;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fixture::{Fixture, dumped};

/// Each script has its own deadlines within.
const DEADLINE: Duration = Duration::from_secs(120);

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn installed(path: &str) -> PathBuf {
    let path = here("../../tests/.clients").join(path);
    assert!(
        path.exists(),
        "{} is not there: run tests/install-clients",
        path.display()
    );
    path
}

/// The newer Node beside the clients, where the machine's own is too old for them.
fn node() -> PathBuf {
    let newer = here("../../tests/.clients/node-runtime/node_modules/node/bin/node");
    if newer.exists() { newer } else { "node".into() }
}

fn connection_string(fixture: &Fixture) -> String {
    let endpoint = format!("sb://localhost:{}", fixture.hub.address().port());
    DEVELOPMENT_CONNECTION_STRING.replace("sb://localhost", &endpoint)
}

/// Runs a client to its end and reads the JSON that it prints.
async fn run(command: &mut Command) -> Value {
    let running = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, running).await;
    let output = output.expect("the client ends in time").unwrap();
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the client failed:\n{talk}");
    serde_json::from_slice(&output.stdout).expect("the client prints JSON")
}

/// What both scripts saw: four events, positions, and where they resumed.
fn check(seen: &Value, own_property: &Value) {
    let events = seen["all"]["events"].as_array().unwrap();
    let numbers: Vec<_> = events.iter().map(|event| event[0].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 3], "{seen}");
    assert_eq!(&events[2][4]["number"], own_property);
    assert!(
        events[3][2].as_u64().unwrap() >= 900_000,
        "the large event is whole"
    );
    assert_eq!(seen["after_1"]["events"][0][0], json!(2));
    assert_eq!(seen["from_1"]["events"][0][0], json!(1));
    assert_eq!(seen["after_offset"]["events"][0][0], json!(2));
    assert_ne!(seen["wrong_key"], json!("accepted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_sends_receives_and_reads_properties() {
    let fixture = Fixture::start().await;
    let seen = run(Command::new(installed("python/bin/python"))
        .arg(here("tests/foreign/client.py"))
        .arg(connection_string(&fixture)))
    .await;
    check(&seen, &json!(2));
    assert_eq!(seen["hub"]["eventhub_name"], json!("statuses"));
    assert_eq!(seen["hub"]["partition_ids"], json!(["0", "1"]));
    let last = &seen["partition"]["last_enqueued_sequence_number"];
    assert!(last.as_i64().unwrap() >= 3);
    assert!(seen["all"]["metrics"]["sequence_number"].as_i64().unwrap() >= 3);
    let keyed: Vec<_> = dumped(fixture.dir())
        .into_iter()
        .filter(|(_, _, body)| body == "keyed")
        .map(|(partition, ..)| partition)
        .collect();
    assert_eq!(keyed.len(), 2);
    assert_eq!(keyed[0], keyed[1], "one key, one partition");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_client_sends_receives_and_reads_properties() {
    let fixture = Fixture::start().await;
    let modules = installed("node/node_modules");
    let seen = run(Command::new(node())
        .env("CLIENT_MODULES", modules.parent().unwrap())
        .arg(here("tests/foreign/client.mjs"))
        .arg(connection_string(&fixture)))
    .await;
    check(&seen, &json!(2));
    assert_eq!(seen["hub"]["name"], json!("statuses"));
    assert_eq!(seen["hub"]["partitionIds"], json!(["0", "1"]));
    assert_eq!(seen["with_epoch"]["events"][0][0], json!(0));
    assert!(seen["all"]["metrics"]["sequenceNumber"].as_i64().unwrap() >= 3);
}
