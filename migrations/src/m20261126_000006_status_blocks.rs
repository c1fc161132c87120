//! How SQLite finds statuses by their time; PostgreSQL has its index.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

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
        on_sqlite(manager, SQLITE_UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_sqlite(manager, SQLITE_DOWN).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn on_sqlite(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DatabaseBackend::Sqlite {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}
