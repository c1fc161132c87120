//! Rows in the binary format of COPY
//! (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.55.9.4>).

use rollcall_model::Timestamp;
use sqlx::PgConnection;

use crate::fault::{Fault, Result};

/// What is encoded before it is sent: the server works while the next part is encoded.
const PART_BYTES: usize = 256 * 1024;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// PostgreSQL counts microseconds from 2000-01-01, a [`Timestamp`] from 1970-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The fields of rows, in the order of the columns.
pub(super) struct Fields(Vec<u8>);

impl Fields {
    fn new() -> Self {
        let mut bytes = Vec::with_capacity(PART_BYTES + PART_BYTES / 4);
        bytes.extend_from_slice(SIGNATURE);
        // No flags, no extension.
        bytes.extend_from_slice(&[0; 8]);
        Self(bytes)
    }

    fn begin_row(&mut self, columns: u16) {
        self.0.extend_from_slice(&columns.to_be_bytes());
    }

    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        let length = i32::try_from(text.len()).map_err(Fault::defect)?;
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    pub(super) fn number(&mut self, number: i64) {
        self.eight(number.to_be_bytes());
    }

    pub(super) fn time(&mut self, time: Timestamp) {
        self.number(time.as_micros() - EPOCH_MICROS);
    }

    pub(super) fn float(&mut self, float: Option<f64>) {
        match float {
            Some(float) => self.eight(float.to_be_bytes()),
            None => self.0.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }

    fn eight(&mut self, bytes: [u8; 8]) {
        self.0.extend_from_slice(&8_i32.to_be_bytes());
        self.0.extend_from_slice(&bytes);
    }

    fn end(&mut self) {
        self.0.extend_from_slice(&(-1_i16).to_be_bytes());
    }
}

/// Copies `rows`, whose fields `encode` adds, by `COPY … FROM STDIN (FORMAT binary)`.
pub(super) async fn copy<Row>(
    connection: &mut PgConnection,
    statement: &str,
    columns: u16,
    rows: &[Row],
    encode: impl Fn(&mut Fields, &Row) -> Result<()>,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut copying = connection.copy_in_raw(statement).await?;
    let mut fields = Fields::new();
    for row in rows {
        fields.begin_row(columns);
        encode(&mut fields, row)?;
        if fields.0.len() >= PART_BYTES {
            copying.send(fields.0.as_slice()).await?;
            fields.0.clear();
        }
    }
    fields.end();
    copying.send(fields.0.as_slice()).await?;
    fail::fail_point!("store.commit.copy");
    copying.finish().await?;
    Ok(())
}
