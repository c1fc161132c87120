//! What a migration of plain SQL does.

/// Makes `Migration` one that runs the texts of this name, of the database and the direction; with a
/// database named (`Postgres` or `Sqlite`) on that one alone.
macro_rules! plain_sql {
    ($name:literal) => {
        plain_sql! { @texts [
            DatabaseBackend::Postgres => "postgres/", $name;
            DatabaseBackend::Sqlite => "sqlite/", $name;
        ] }
    };
    ($name:literal, Postgres) => {
        plain_sql! { @texts [ DatabaseBackend::Postgres => "postgres/", $name; ] }
    };
    ($name:literal, Sqlite) => {
        plain_sql! { @texts [ DatabaseBackend::Sqlite => "sqlite/", $name; ] }
    };
    (@texts [ $($database:path => $directory:literal, $name:literal;)+ ]) => {
        #[allow(
            elided_lifetimes_in_paths,
            reason = "the trait leaves the lifetime out, and async_trait makes the two spellings differ"
        )]
        #[async_trait::async_trait]
        impl MigrationTrait for Migration {
            async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
                let sql = match manager.get_database_backend() {
                    $($database => include_str!(concat!($directory, $name, "_up.sql")),)+
                    #[allow(unreachable_patterns, reason = "where each database has a text")]
                    _ => return Ok(()),
                };
                manager.get_connection().execute_unprepared(sql).await?;
                Ok(())
            }

            async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
                let sql = match manager.get_database_backend() {
                    $($database => include_str!(concat!($directory, $name, "_down.sql")),)+
                    #[allow(unreachable_patterns, reason = "where each database has a text")]
                    _ => return Ok(()),
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
