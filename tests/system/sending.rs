//! The real readings of `tests/data` through `rollcall send`, and the commands beside the node.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use rollcall_model::Timestamp;
use serde_json::Value;

use crate::harness::ledger::Ledger;
use crate::harness::message::{Expected, expected};
use crate::harness::site::Site;
use crate::harness::tables::Tables;

const STATUSES: usize = 93_014;
const OWNERS: usize = 25;
const SUB_OWNERS: usize = 30;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/statuses.ndjson.gz")
}

/// Owner, sub-owner, data text.
type Content = (String, String, String);

fn content_of_file() -> BTreeMap<Content, usize> {
    let mut text = String::new();
    let packed = std::fs::File::open(file()).unwrap();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    counted(
        text.lines()
            .map(|line| match expected(line.as_bytes(), Timestamp::EPOCH) {
                Expected::Status(it) => (it.owner_id, it.sub_owner_id, it.data),
                Expected::Dead => panic!("{line} is no status"),
            }),
    )
}

fn content_of(tables: &Tables) -> BTreeMap<Content, usize> {
    let rows = tables.statuses.iter();
    counted(rows.map(|row| {
        (
            row.owner_id.clone(),
            row.sub_owner_id.clone(),
            row.data.clone(),
        )
    }))
}

fn counted<T: Ord>(values: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    counts
}

fn announced(tables: &Tables, kind: &str) -> usize {
    tables.announced.iter().filter(|(it, _)| it == kind).count()
}

async fn send(site: &Site) {
    site.answer(&["send", &file().display().to_string()]).await;
}

#[tokio::test]
async fn a_file_is_stored_once_per_sending_and_its_owners_are_entered_once() {
    let site = Site::embedded(8);
    let node = site.start_node().await;
    let mut content = content_of_file();

    send(&site).await;
    let truth = site.settled().await;
    let tables = site.database().read().await;
    assert_eq!(content_of(&tables), content);
    assert_eq!(tables.statuses.len(), STATUSES);
    assert_eq!(
        (tables.owners.len(), tables.sub_owners.len()),
        (OWNERS, SUB_OWNERS)
    );
    assert_eq!(announced(&tables, "rollcall.owner.created"), OWNERS);
    assert_eq!(announced(&tables, "rollcall.sub_owner.created"), SUB_OWNERS);
    Ledger::new(tables, truth).holds_at_the_end();

    send(&site).await;
    let truth = site.settled().await;
    let tables = site.database().read().await;
    content.values_mut().for_each(|count| *count *= 2);
    assert_eq!(content_of(&tables), content);
    assert_eq!(tables.announced.len(), OWNERS + SUB_OWNERS);
    Ledger::new(tables, truth).holds_at_the_end();

    commands_work_beside_the_node(&site).await;
    assert!(node.terminate().await.success());
}

async fn commands_work_beside_the_node(site: &Site) {
    let status = json(site, &["status", "--output", "json"]).await;
    assert_eq!(status["sub_owners"], SUB_OWNERS);
    assert_eq!(status["owners"]["active"], OWNERS);
    let partitions = status["streams"][0]["partitions"].as_array().unwrap();
    let stored: u64 = partitions
        .iter()
        .map(|it| it["stored"].as_u64().unwrap())
        .sum();
    assert_eq!(stored, 2 * STATUSES as u64);

    let owners = json(site, &["owners", "list", "--output", "json"]).await;
    assert_eq!(owners["items"].as_array().unwrap().len(), OWNERS);
    let first = owners["items"][0]["owner_id"].as_str().unwrap();
    let shown = json(site, &["owners", "show", first, "--output", "json"]).await;
    assert_eq!(shown["owner"]["owner_id"], first);

    let dead = json(site, &["dead-letters", "list", "--output", "json"]).await;
    assert_eq!(dead["items"], Value::Array(Vec::new()));

    let checks = json(site, &["doctor", "--output", "json"]).await;
    let checks = checks.as_array().unwrap();
    assert!(
        checks.iter().all(|check| check["fault"].is_null()),
        "{checks:#?}"
    );

    let dump = site.answer(&["hub", "dump"]).await;
    assert_eq!(dump.lines().count(), 2 * STATUSES);
}

async fn json(site: &Site, arguments: &[&str]) -> Value {
    serde_json::from_str(&site.answer(arguments).await).unwrap()
}
