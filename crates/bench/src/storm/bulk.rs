//! One bulk insert of the rows that the storm brought, into tables of the same shape.

use std::time::Instant;

use rollcall_test_servers::Database;

/// Tables with every index and constraint; each before what refers to it.
const TABLES: [&str; 6] = [
    "owners",
    "sub_owners",
    "outbox_events",
    "outbox_deliveries",
    "statuses",
    "latest_statuses",
];

/// What `LIKE` leaves out.
const CONSTRAINT: &str = "ALTER TABLE bulk.sub_owners
        ADD FOREIGN KEY (owner_id) REFERENCES bulk.owners";

/// Seconds that it takes, in one transaction.
pub(super) fn insert(database: &Database<'_>) -> anyhow::Result<f64> {
    database.psql("CREATE SCHEMA bulk")?;
    for table in TABLES {
        database.psql(&format!(
            "CREATE TABLE bulk.{table} (LIKE public.{table} INCLUDING ALL)"
        ))?;
    }
    database.psql(CONSTRAINT)?;
    let mut script = String::from("BEGIN;");
    for table in TABLES {
        script.push_str(&format!(
            "INSERT INTO bulk.{table} OVERRIDING SYSTEM VALUE SELECT * FROM public.{table};"
        ));
    }
    script.push_str("COMMIT");
    database.psql("CHECKPOINT")?;
    let started = Instant::now();
    database.psql(&script)?;
    let seconds = started.elapsed().as_secs_f64();
    database.psql("DROP SCHEMA bulk CASCADE")?;
    Ok(seconds)
}
