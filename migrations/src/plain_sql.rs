//! What a migration of plain SQL does.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Runs the text where that is the database, and nothing elsewhere.
pub(crate) async fn on(
    database: DatabaseBackend,
    manager: &SchemaManager<'_>,
    sql: &str,
) -> Result<(), DbErr> {
    if manager.get_database_backend() == database {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}

/// Makes `Migration` one that runs the texts of this name, of the database and the direction.
macro_rules! plain_sql {
    ($name:literal) => {
        #[allow(
            elided_lifetimes_in_paths,
            reason = "the trait leaves the lifetime out, and async_trait makes the two spellings differ"
        )]
        #[async_trait::async_trait]
        impl MigrationTrait for Migration {
            async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
                let sql = match manager.get_database_backend() {
                    DatabaseBackend::Postgres => {
                        include_str!(concat!("postgres/", $name, "_up.sql"))
                    }
                    _ => include_str!(concat!("sqlite/", $name, "_up.sql")),
                };
                manager.get_connection().execute_unprepared(sql).await?;
                Ok(())
            }

            async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
                let sql = match manager.get_database_backend() {
                    DatabaseBackend::Postgres => {
                        include_str!(concat!("postgres/", $name, "_down.sql"))
                    }
                    _ => include_str!(concat!("sqlite/", $name, "_down.sql")),
                };
                manager.get_connection().execute_unprepared(sql).await?;
                Ok(())
            }

            fn use_transaction(&self) -> Option<bool> {
                Some(true)
            }
        }
    };
}
