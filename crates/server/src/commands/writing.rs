//! What the commands share that write to the store themselves: whoever can do that may do
//! everything, so they need no key, and work before anybody has one.

use rollcall_store::{AuditEntry, AuditOutcome, Error, Store};
use serde::Serialize;

use super::{Context, reading};
use crate::failure::Failure;

/// Who made it, in the database.
pub(crate) const BY: &str = "command line";

/// The store, and where the audit log says that a change was made.
pub(crate) struct Writing {
    pub(crate) store: Store,
    node: String,
}

/// # Errors
/// The faults of the settings; that there is no database yet, or none of this version; that it
/// cannot be reached.
pub(crate) async fn open(context: &Context) -> Result<Writing, Failure> {
    // Tells where there is none yet.
    let (settings, reading) = reading::open(context).await?;
    drop(reading);
    let config = rollcall_store::Config {
        migrate: false,
        ..settings.store
    };
    let opened = Store::open(config).await;
    Ok(Writing {
        store: opened.map_err(|error| reading::of_store(&error))?,
        node: settings.node.name,
    })
}

impl Writing {
    /// Makes a change, with a row of the audit log that is there before it is begun; as with the API,
    /// nothing is changed where that cannot be written. `outcome` says what the row tells of it, with
    /// the status that the API would have answered.
    ///
    /// # Errors
    /// What the store says, of the row or of the change.
    pub(crate) async fn record<T>(
        &self,
        (command, target): (&str, &str),
        change: impl Future<Output = Result<T, Error>>,
        outcome: impl FnOnce(&T) -> AuditOutcome,
    ) -> Result<T, Failure> {
        let entry = AuditEntry {
            node: self.node.clone(),
            caller: BY.to_owned(),
            action: format!("rollcall {command}"),
            target: target.to_owned(),
        };
        let of_store = |error| reading::of_store(&error);
        let audit_id = self.store.begin_audit(entry).await.map_err(of_store)?;
        let made = change.await.map_err(of_store)?;
        let ended = self.store.end_audit(audit_id, outcome(&made)).await;
        ended.map_err(of_store)?;
        Ok(made)
    }
}

/// What came of a change: the row before and after; neither, and it was refused.
pub(crate) fn outcome<R: Serialize>(
    refused: u16,
    before: Option<&R>,
    after: Option<&R>,
) -> AuditOutcome {
    let status = match (before, after) {
        (None, None) => refused,
        (None, Some(_)) => 201,
        (Some(_), None) => 204,
        (Some(_), Some(_)) => 200,
    };
    let json = |row: &R| serde_json::to_string(row).ok();
    AuditOutcome {
        status,
        before: before.and_then(json),
        after: after.and_then(json),
    }
}
