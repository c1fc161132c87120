//! Inserts of many rows by few statements.
//!
//! A statement is prepared once per table and size of chunk and kept by the connection, so the
//! sizes are few: a long run of rows goes in chunks of the largest, the rest in smaller ones.
//! `examples/insert_ways.rs` compares: a row a statement 50,000 rows/s, 32 rows 130,000 to 180,000,
//! from 128 on about 200,000, the whole group as one JSON parameter 135,000 (2 busy cores).

use std::sync::Arc;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, SqliteConnection};

use crate::fault::{Fault, Result};

/// Rows of a chunk, falling; the last is 1, so that every number of rows can be made up.
const CHUNKS: [usize; 4] = [512, 64, 8, 1];

/// `INSERT INTO … VALUES (?, …), … tail`.
pub(super) struct Insert {
    /// Up to and including `VALUES`.
    pub(super) head: &'static str,
    pub(super) columns: usize,
    /// `ON CONFLICT …` and `RETURNING …`, or nothing.
    pub(super) tail: &'static str,
}

impl Insert {
    fn sql(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        format!("{} {} {}", self.head, vec![row; rows].join(","), self.tail)
    }
}

/// The values of one row, in the order of the columns.
pub(super) struct Values(SqliteArguments);

impl Values {
    fn new(values: usize) -> Self {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values, 0);
        Self(arguments)
    }

    pub(super) fn add<'v, T>(&mut self, value: T) -> Result<()>
    where
        T: sqlx::Encode<'v, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.0.add(value).map_err(Fault::defect)
    }

    /// As [`Self::add`]: for text this form costs one allocation, a `&str` two.
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        self.add(Arc::<str>::from(text))
    }
}

/// Inserts `rows`, each of whose values `bind` adds.
pub(super) async fn insert<Row>(
    connection: &mut SqliteConnection,
    insert: &Insert,
    rows: &[Row],
    bind: impl Fn(&mut Values, &Row) -> Result<()>,
) -> Result<()> {
    let mut chunks = chunks(rows);
    let mut next = || -> Result<Option<(String, Values)>> {
        let Some(chunk) = chunks.next() else {
            return Ok(None);
        };
        Ok(Some((
            insert.sql(chunk.len()),
            values(insert, chunk, &bind)?,
        )))
    };
    let mut bound = next()?;
    while let Some((sql, values)) = bound {
        let executing = sqlx::query_with(AssertSqlSafe(sql), values.0).execute(&mut *connection);
        // SQLite works on a thread of its own: the next chunk is bound while it has this one.
        let (executed, following) = tokio::join!(biased; executing, async { next() });
        executed?;
        bound = following?;
    }
    Ok(())
}

/// As [`insert`], with the rows that the statement's `RETURNING` gives.
pub(super) async fn insert_returning<Row, Out>(
    connection: &mut SqliteConnection,
    insert: &Insert,
    rows: &[Row],
    bind: impl Fn(&mut Values, &Row) -> Result<()>,
) -> Result<Vec<Out>>
where
    Out: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
{
    let mut returned = Vec::with_capacity(rows.len());
    for chunk in chunks(rows) {
        let values = values(insert, chunk, &bind)?;
        let sql = AssertSqlSafe(insert.sql(chunk.len()));
        let rows = sqlx::query_as_with(sql, values.0)
            .fetch_all(&mut *connection)
            .await?;
        returned.extend::<Vec<Out>>(rows);
    }
    Ok(returned)
}

fn values<Row>(
    insert: &Insert,
    rows: &[Row],
    bind: impl Fn(&mut Values, &Row) -> Result<()>,
) -> Result<Values> {
    let mut values = Values::new(insert.columns * rows.len());
    for row in rows {
        bind(&mut values, row)?;
    }
    Ok(values)
}

fn chunks<Row>(mut rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= rows.len())?;
        let (chunk, rest) = rows.split_at(size);
        rows = rest;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_row_in_order() {
        for count in [0, 1, 7, 8, 511, 512, 600, 2_000] {
            let rows: Vec<usize> = (0..count).collect();
            let covered: Vec<usize> = chunks(&rows).flatten().copied().collect();
            assert_eq!(covered, rows);
        }
    }

    #[test]
    fn no_chunk_exceeds_the_bind_limit_of_sqlite() {
        assert!(CHUNKS[0] * 12 <= 32_766);
    }
}
