//! Which of a commit's statements take PostgreSQL's time, by its own account of them.
//!
//! The server keeps that account where it was started with the extension:
//! `--postgres-setting shared_preload_libraries=pg_stat_statements`.

use anyhow::Context;
use rollcall_test_servers::Database;

/// How the statements of a commit begin, and what they are for.
pub(super) const STATEMENTS: [(&str, &str); 4] = [
    ("SELECT o.owner_id, o.state", "owners, locked"),
    ("COPY statuses", "statuses"),
    ("INSERT INTO latest_statuses", "newest statuses"),
    ("SELECT advance_partitions", "checkpoints"),
];

/// Seconds of each of [`STATEMENTS`], waits included, and of all others.
pub(super) struct Times {
    pub(super) known: [f64; STATEMENTS.len()],
    pub(super) others: f64,
}

/// Begins the account anew; false where the server keeps none.
pub(super) fn begin(database: &Database<'_>) -> anyhow::Result<bool> {
    let preloaded = database.psql("SHOW shared_preload_libraries")?;
    if !preloaded.contains("pg_stat_statements") {
        return Ok(false);
    }
    database.psql("CREATE EXTENSION pg_stat_statements")?;
    database.psql("SELECT pg_stat_statements_reset()")?;
    Ok(true)
}

/// The account since [`begin`].
pub(super) fn read(database: &Database<'_>) -> anyhow::Result<Times> {
    let rows = database.psql(
        "SELECT total_exec_time, left(regexp_replace(query, '\\s+', ' ', 'g'), 60)
         FROM pg_stat_statements
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )?;
    let mut times = Times {
        known: [0.0; STATEMENTS.len()],
        others: 0.0,
    };
    for row in rows.lines() {
        let (millis, query) = row.split_once('|').context("a row of the account")?;
        let seconds = millis.parse::<f64>()? / 1e3;
        let known = STATEMENTS
            .iter()
            .position(|(begins, _)| query.starts_with(begins));
        *known.map_or(&mut times.others, |known| &mut times.known[known]) += seconds;
    }
    Ok(times)
}
