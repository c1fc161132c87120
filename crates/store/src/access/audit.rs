//! The audit log: who asked for which change, when, and what it changed. Rows stay for ever.

use rollcall_model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::store::{Backend, Operation};
use crate::{Error, Page, Store, column, cursor, fault, postgres, sqlite};

/// A change that is about to be made.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub node: String,
    /// Such as `key:deploy` or `user:ada`.
    pub caller: String,
    /// Method and pattern, such as `POST /api/v1/owners/{owner_id}/approve`.
    pub action: String,
    /// The path and query as they came.
    pub target: String,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct AuditOutcome {
    /// Of the answer.
    pub status: u16,
    /// JSON of what was changed, as it was and as it is.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A row as the API shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AuditRow {
    pub audit_id: i64,
    pub asked_at: Timestamp,
    pub node: String,
    pub caller: String,
    pub action: String,
    pub target: String,
    /// Null, if the node never told how it ended.
    pub status: Option<u16>,
    pub before: Option<Box<RawValue>>,
    pub after: Option<Box<RawValue>>,
}

/// The table's columns, in its order.
pub(crate) type AuditColumns<T> = (
    i64,
    T,
    String,
    String,
    String,
    String,
    Option<i32>,
    Option<String>,
    Option<String>,
);

/// # Errors
/// If a column holds what nobody wrote.
pub(crate) fn page<T>(
    rows: Vec<AuditColumns<T>>,
    limit: u32,
    time: impl Fn(T) -> fault::Result<Timestamp>,
) -> fault::Result<Page<AuditRow>> {
    cursor::page(rows, limit, |row| row.0, |row| read(row, &time))
}

fn read<T>(
    (audit_id, asked_at, node, caller, action, target, status, before, after): AuditColumns<T>,
    time: impl Fn(T) -> fault::Result<Timestamp>,
) -> fault::Result<AuditRow> {
    let json =
        |column, text: Option<String>| text.map(|text| column::raw_json(column, text)).transpose();
    Ok(AuditRow {
        audit_id,
        asked_at: time(asked_at)?,
        node,
        caller,
        action,
        target,
        status: status.and_then(|status| u16::try_from(status).ok()),
        before: json("before", before)?,
        after: json("after", after)?,
    })
}

/// # Errors
/// Every method: by [`crate::Kind`], as every transaction.
impl Store {
    /// The id of the new row.
    pub async fn begin_audit(&self, entry: AuditEntry) -> Result<i64, Error> {
        let operation = Operation::write("begin_audit", entry.target.clone());
        self.call(operation, move |backend| {
            let entry = entry.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::access::audit::begin(database, &entry).await
                    }
                    Backend::Postgres(database) => {
                        postgres::access::audit::begin(database, &entry).await
                    }
                }
            }
        })
        .await
    }

    pub async fn end_audit(&self, audit_id: i64, outcome: AuditOutcome) -> Result<(), Error> {
        let operation = Operation::write("end_audit", audit_id.to_string());
        self.call(operation, move |backend| {
            let outcome = outcome.clone();
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::access::audit::end(database, audit_id, &outcome).await
                    }
                    Backend::Postgres(database) => {
                        postgres::access::audit::end(database, audit_id, &outcome).await
                    }
                }
            }
        })
        .await
    }

    /// Newest first.
    pub async fn list_audit(
        &self,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<AuditRow>, Error> {
        let cursor = cursor.map(str::to_owned);
        self.call(Operation::read("list_audit", ""), move |backend| {
            let cursor = cursor.clone();
            async move {
                let before = cursor::decode::<i64>(cursor.as_deref())?;
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::access::audit::list(database, limit, before).await
                    }
                    Backend::Postgres(database) => {
                        postgres::access::audit::list(database, limit, before).await
                    }
                }
            }
        })
        .await
    }
}
