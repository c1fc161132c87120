//! How fast a storm of newcomers is provisioned on PostgreSQL, beside one bulk insert of the same
//! rows.
//!
//! `cargo run --release -p rollcall-store --example storm_rate -- [OWNERS] [GROUP] [WRITERS] [SQL]`
//!
//! OWNERS newcomers with one sub-owner each, in transactions of GROUP, WRITERS at once, with a sink
//! that takes everything; then the rows that came of it (owners, sub-owners, events, deliveries)
//! copied by four `INSERT … SELECT` in one transaction into tables of the same shape. A private
//! server, durable as by default. SQL, such as `DROP INDEX owners_by_search`, is what the schema is
//! changed by before.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measurement prints its figures"
)]

use std::time::Instant;

use rollcall_model::{CreatedBy, EventSource, OwnerId, OwnerState, Settings, SubOwnerId};
use rollcall_store::{Config, Newcomer, SinkRegistration, Store};
use rollcall_test_servers::{Database, Postgres};

/// With every index and constraint, and none of the rows; the identity as well.
const TABLES: [&str; 4] = ["owners", "sub_owners", "outbox_events", "outbox_deliveries"];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (owners, group, writers) = (number(1_000_000), number(2_000), number(4));
    let change = arguments.next();
    let durable = [("fsync", "on"), ("full_page_writes", "on")];
    let cluster = Postgres::start_with(&durable).unwrap();
    let database = cluster.new_database().unwrap();
    let storm = storm(&database, [owners, group, writers], change.as_deref()).await;
    let bulk = bulk(&database);
    println!(
        "{owners} owners in transactions of {group}, {writers} at once: {storm:.1} s, {:.0} \
         owners/s; bulk insert {bulk:.1} s; ratio {:.2}",
        owners as f64 / storm,
        bulk / storm,
    );
}

async fn storm(
    database: &Database<'_>,
    [owners, group, writers]: [usize; 3],
    change: Option<&str>,
) -> f64 {
    let store = Store::open(Config::new(database.url())).await.unwrap();
    if let Some(sql) = change {
        database.psql(sql).unwrap();
    }
    let sink = SinkRegistration {
        name: "log".to_owned(),
        types: Vec::new(),
    };
    store.register_sinks(&[sink]).await.unwrap();
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let store = store.clone();
        tasks.spawn(async move {
            let own: Vec<usize> = (writer..owners).step_by(writers).collect();
            let source = EventSource::new("localhost", "statuses");
            for numbers in own.chunks(group) {
                let newcomers = numbers.iter().map(|number| newcomer(*number)).collect();
                store.provision(&source, newcomers).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    started.elapsed().as_secs_f64()
}

/// Ids as they come, in no order.
fn newcomer(number: usize) -> Newcomer {
    let owner = format!(
        "{:016x}",
        (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    );
    Newcomer {
        owner_id: OwnerId::parse(&owner).unwrap(),
        sub_owner_ids: vec![SubOwnerId::parse("s").unwrap()],
        state: OwnerState::Active,
        created_by: CreatedBy::Stream,
        sub_owners_created_by: CreatedBy::Stream,
        display_name: None,
        settings: Settings::default(),
    }
}

/// Seconds.
fn bulk(database: &Database<'_>) -> f64 {
    let mut shapes = String::from("CREATE SCHEMA bulk; CHECKPOINT;");
    for table in TABLES {
        shapes.push_str(&format!(
            "CREATE TABLE bulk.{table} (LIKE public.{table} INCLUDING ALL);"
        ));
    }
    // As the tables have them; LIKE leaves them out.
    shapes
        .push_str("ALTER TABLE bulk.sub_owners ADD FOREIGN KEY (owner_id) REFERENCES bulk.owners;");
    for statement in shapes.split_inclusive(';') {
        database.psql(statement).unwrap();
    }
    let inserts = TABLES.map(|table| {
        format!("INSERT INTO bulk.{table} OVERRIDING SYSTEM VALUE SELECT * FROM public.{table}")
    });
    let started = Instant::now();
    database
        .psql(&format!("BEGIN; {}; COMMIT", inserts.join(";")))
        .unwrap();
    started.elapsed().as_secs_f64()
}
