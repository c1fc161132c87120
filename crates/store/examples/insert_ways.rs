//! The ways to insert many rows through sqlx, side by side: what the sizes in
//! `src/sqlite/bulk.rs` were chosen by.
//!
//! `cargo run --release -p rollcall-store --example insert_ways -- [DIRECTORY]`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measurement prints its figures"
)]

use std::sync::Arc;
use std::time::Instant;

use rollcall_model::Timestamp;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, SqliteConnection};

const ROWS: usize = 400_000;
const GROUP: usize = 20_000;
const KEYS: usize = 1_000;

struct Row {
    owner: String,
    sub_owner: String,
    number: i64,
    at: String,
    data: String,
    value: f64,
}

enum Way {
    /// One statement for so many rows.
    Values(usize),
    /// One parameter for the whole group.
    JsonEach,
}

#[tokio::main]
async fn main() {
    let directory = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let directory = tempfile::tempdir_in(directory).unwrap();
    let groups: Vec<Vec<Row>> = (0..ROWS / GROUP).map(group).collect();
    for round in 0..2 {
        for (name, way) in [
            ("row by row", Way::Values(1)),
            ("32 rows a statement", Way::Values(32)),
            ("128 rows a statement", Way::Values(128)),
            ("512 rows a statement", Way::Values(512)),
            ("2,048 rows a statement", Way::Values(2_048)),
            ("json_each", Way::JsonEach),
        ] {
            let file = directory.path().join(format!("{round}-{name}.db"));
            let mut connection = open(&file).await;
            let started = Instant::now();
            for rows in &groups {
                write(&mut connection, rows, &way).await;
            }
            let rate = ROWS as f64 / started.elapsed().as_secs_f64();
            println!("{name:>24}: {rate:>9.0} rows/s");
        }
    }
}

async fn open(file: &std::path::Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("wal_autocheckpoint", "16000")
        .pragma("cache_size", "-65536");
    let mut connection = options.connect().await.unwrap();
    for sql in [
        "CREATE TABLE statuses (owner_id TEXT NOT NULL, sub_owner_id TEXT NOT NULL,
             stream_id INTEGER NOT NULL, partition_id INTEGER NOT NULL,
             sequence_number INTEGER NOT NULL, enqueued_at TEXT NOT NULL, status_at TEXT NOT NULL,
             data TEXT NOT NULL, value REAL, version INTEGER NOT NULL)",
        "CREATE INDEX statuses_by_time ON statuses (owner_id, sub_owner_id, status_at)",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection
}

/// A group in the order of the index.
fn group(index: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = (index * GROUP..(index + 1) * GROUP)
        .map(|number| {
            let key = number * 7 % KEYS;
            let number = i64::try_from(number).unwrap();
            Row {
                owner: format!("customer-{}", key / 5),
                sub_owner: format!("meter-{}", key % 5),
                number,
                at: Timestamp::from_millis(1_795_428_000_000 + number).to_string(),
                data: format!(r#"{{"power":{number}.25,"voltage":230.1,"state":"ok"}}"#),
                value: number as f64 + 0.25,
            }
        })
        .collect();
    rows.sort_by(|a, b| {
        (&a.owner, &a.sub_owner, a.number).cmp(&(&b.owner, &b.sub_owner, b.number))
    });
    rows
}

async fn write(connection: &mut SqliteConnection, rows: &[Row], way: &Way) {
    run(
        connection,
        "BEGIN IMMEDIATE".to_owned(),
        SqliteArguments::default(),
    )
    .await;
    match way {
        Way::Values(size) => {
            for chunk in rows.chunks(*size) {
                let row = "(?,?,?,?,?,?,?,?,?,?)";
                let sql = format!(
                    "INSERT INTO statuses VALUES {}",
                    vec![row; chunk.len()].join(",")
                );
                run(connection, sql, values(chunk)).await;
            }
        }
        Way::JsonEach => {
            let sql = "INSERT INTO statuses
                       SELECT value ->> 0, value ->> 1, 1, 3, value ->> 2, value ->> 3, value ->> 3,
                              value ->> 4, value ->> 5, 1
                       FROM json_each(?)";
            run(connection, sql.to_owned(), json(rows)).await;
        }
    }
    run(connection, "COMMIT".to_owned(), SqliteArguments::default()).await;
}

async fn run(connection: &mut SqliteConnection, sql: String, arguments: SqliteArguments) {
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
    query.execute(connection).await.unwrap();
}

fn values(rows: &[Row]) -> SqliteArguments {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(rows.len() * 10, 0);
    for row in rows {
        arguments.add(Arc::<str>::from(&*row.owner)).unwrap();
        arguments.add(Arc::<str>::from(&*row.sub_owner)).unwrap();
        arguments.add(1_i64).unwrap();
        arguments.add(3_i64).unwrap();
        arguments.add(row.number).unwrap();
        arguments.add(Arc::<str>::from(&*row.at)).unwrap();
        arguments.add(Arc::<str>::from(&*row.at)).unwrap();
        arguments.add(Arc::<str>::from(&*row.data)).unwrap();
        arguments.add(row.value).unwrap();
        arguments.add(1_i64).unwrap();
    }
    arguments
}

fn json(rows: &[Row]) -> SqliteArguments {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                &row.owner,
                &row.sub_owner,
                row.number,
                &row.at,
                &row.data,
                row.value,
            )
        })
        .collect();
    let mut arguments = SqliteArguments::default();
    arguments
        .add(serde_json::to_string(&rows).unwrap())
        .unwrap();
    arguments
}
