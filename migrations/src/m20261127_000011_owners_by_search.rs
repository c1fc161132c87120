//! How PostgreSQL finds owners by a part of their id or name that few have.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds an index of trigrams, where the server lets one have it; down takes it away.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0011_owners_by_search", Postgres);
