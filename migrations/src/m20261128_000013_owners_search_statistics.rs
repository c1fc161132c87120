//! How PostgreSQL tells a search that many owners match from one that few do.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Keeps finer statistics of what is searched; down keeps the server's usual ones.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0013_owners_search_statistics", Postgres);
