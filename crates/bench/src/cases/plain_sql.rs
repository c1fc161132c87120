//! What PostgreSQL takes from plain SQL: the same rows as the store's, in the same transactions,
//! by psql, which reads them from a file that was written before.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use rollcall_store::Batch;

use super::store_alone::groups;
use super::{Bench, Case, measure as measured};
use crate::database::{Kind, Place};
use crate::report::Measured;

const STAGING: &str = "CREATE TEMPORARY TABLE staging (LIKE statuses) ON COMMIT DELETE ROWS;\n";

const FROM_STAGING: &str = "INSERT INTO statuses SELECT * FROM staging
    ORDER BY owner_id, sub_owner_id, status_at;
INSERT INTO latest_statuses AS l
    SELECT DISTINCT ON (owner_id, sub_owner_id) * FROM staging
    ORDER BY owner_id, sub_owner_id, status_at DESC, enqueued_at DESC, partition_id DESC,
             sequence_number DESC
    ON CONFLICT (owner_id, sub_owner_id) DO UPDATE SET
        stream_id = excluded.stream_id, partition_id = excluded.partition_id,
        sequence_number = excluded.sequence_number, enqueued_at = excluded.enqueued_at,
        status_at = excluded.status_at, data = excluded.data, value = excluded.value,
        version = excluded.version
    WHERE (excluded.status_at, excluded.enqueued_at, excluded.partition_id,
           excluded.sequence_number)
        > (l.status_at, l.enqueued_at, l.partition_id, l.sequence_number);
";

/// `COPY` into a staging table, `INSERT` into the statuses, upsert of the latest.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    run(bench, "plain SQL", STAGING, |script, group| {
        script.push_str("COPY staging FROM STDIN;\n");
        rows(script, group.iter().flat_map(lines))?;
        script.push_str(FROM_STAGING);
        Ok(())
    })
    .await
}

/// `COPY` into the statuses alone, in the order of their index as the store does.
pub(crate) async fn measure_copy(bench: &Bench) -> anyhow::Result<Measured> {
    run(bench, "COPY alone", "", |script, group| {
        script.push_str("COPY statuses FROM STDIN;\n");
        let mut sorted: Vec<String> = group.iter().flat_map(lines).collect();
        sorted.sort_unstable();
        rows(script, sorted.into_iter())
    })
    .await
}

async fn run(
    bench: &Bench,
    name: &'static str,
    head: &str,
    write: impl Fn(&mut String, &[std::sync::Arc<Batch>]) -> anyhow::Result<()>,
) -> anyhow::Result<Measured> {
    let place = Place::new(bench, Kind::Postgres)?;
    let mut script = head.to_owned();
    {
        let store = place.open(bench).await?;
        for group in groups(bench, &store).await? {
            script.push_str("BEGIN;\n");
            write(&mut script, &group)?;
            script.push_str("COMMIT;\n");
        }
    }
    let database = place.server()?;
    // The store makes the partitions that it needs; here one takes all.
    database.psql("CREATE TABLE statuses_all PARTITION OF statuses DEFAULT")?;
    let file = bench.dir.path().join("plain.sql");
    std::fs::write(&file, script)?;
    let case = Case {
        name,
        database: Some(Kind::Postgres),
        hub: None,
    };
    let result = measured(bench, case, async { execute(database, &file) }).await?;
    let stored = database.psql("SELECT count(*) FROM statuses")?;
    anyhow::ensure!(
        stored == bench.arguments.events.to_string(),
        "{stored} of {} stored",
        bench.arguments.events
    );
    Ok(result)
}

fn execute(database: &rollcall_test_servers::Database<'_>, file: &Path) -> anyhow::Result<()> {
    database.psql_file(file).context("plain SQL")?;
    Ok(())
}

/// In the text format of COPY; nothing in these rows needs an escape.
fn lines(batch: &std::sync::Arc<Batch>) -> impl Iterator<Item = String> {
    batch.statuses.iter().map(|status| {
        let value = status
            .value
            .map_or_else(|| "\\N".to_owned(), |value| value.to_string());
        format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{value}\t{}",
            status.owner_id,
            status.sub_owner_id,
            batch.stream_id.0,
            batch.partition_id.0,
            status.sequence_number.0,
            status.enqueued_at,
            status.status_at,
            status.data,
            status.version,
        )
    })
}

fn rows(script: &mut String, lines: impl Iterator<Item = String>) -> anyhow::Result<()> {
    for line in lines {
        writeln!(script, "{line}")?;
    }
    script.push_str("\\.\n");
    Ok(())
}
