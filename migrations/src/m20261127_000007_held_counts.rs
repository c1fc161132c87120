//! How many statuses are held of each pending owner.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds the table and counts what is held; down takes it away.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

const SQLITE_UP: &str = include_str!("sqlite/0007_held_counts_up.sql");
const SQLITE_DOWN: &str = include_str!("sqlite/0007_held_counts_down.sql");
const POSTGRES_UP: &str = include_str!("postgres/0007_held_counts_up.sql");
const POSTGRES_DOWN: &str = include_str!("postgres/0007_held_counts_down.sql");

#[allow(
    elided_lifetimes_in_paths,
    reason = "the trait leaves the lifetime out, and async_trait makes the two spellings differ"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DatabaseBackend::Postgres => POSTGRES_UP,
            _ => SQLITE_UP,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DatabaseBackend::Postgres => POSTGRES_DOWN,
            _ => SQLITE_DOWN,
        };
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
