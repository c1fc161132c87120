//! How SQLite finds statuses by their time; PostgreSQL has its index.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

use crate::plain_sql::on;

/// Replaces the index on the time by a table of ranges; down brings the index back.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

const SQLITE_UP: &str = include_str!("sqlite/0006_status_blocks_up.sql");
const SQLITE_DOWN: &str = include_str!("sqlite/0006_status_blocks_down.sql");

#[allow(
    elided_lifetimes_in_paths,
    reason = "the trait leaves the lifetime out, and async_trait makes the two spellings differ"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on(DatabaseBackend::Sqlite, manager, SQLITE_UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on(DatabaseBackend::Sqlite, manager, SQLITE_DOWN).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
