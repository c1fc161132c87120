//! How PostgreSQL finds owners by a part of their id or name that few have.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

use crate::plain_sql::on;

/// Adds an index of trigrams, where the server lets one have it; down takes it away.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

const POSTGRES_UP: &str = include_str!("postgres/0011_owners_by_search_up.sql");
const POSTGRES_DOWN: &str = include_str!("postgres/0011_owners_by_search_down.sql");

#[allow(
    elided_lifetimes_in_paths,
    reason = "the trait leaves the lifetime out, and async_trait makes the two spellings differ"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on(DatabaseBackend::Postgres, manager, POSTGRES_UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on(DatabaseBackend::Postgres, manager, POSTGRES_DOWN).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
