//! What the retention of delivered events needs.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds a table and an index; down takes them away, and with them when events were removed.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0004_outbox");
