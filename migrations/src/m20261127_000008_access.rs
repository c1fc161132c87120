//! Who may ask the API, and who changed what: keys, users, sessions, the audit log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds tables; down takes them away, and with them every key, user and record.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0008_access");
