//! How SQLite finds statuses by their time; PostgreSQL has its index.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Replaces the index on the time by a table of ranges; down brings the index back.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0006_status_blocks", Sqlite);
