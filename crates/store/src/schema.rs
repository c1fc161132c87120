//! The schema's version: brought up to date, or compared.

use std::collections::BTreeSet;

use rollcall_migrations::Migrator;
use rollcall_migrations::sea_orm_migration::{
    IntoSchemaManagerConnection, MigratorTrait as _, SchemaManager,
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, Statement};
use serde::Serialize;

use crate::fault::{Fault, Result};

/// Where sea-orm keeps the names of the applied migrations.
const RECORD: &str = "seaql_migrations";

/// A migration, and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationRow {
    pub name: String,
    pub applied: bool,
}

/// Applies what is missing.
///
/// # Errors
/// [`crate::Kind::Schema`] if the schema is newer than this program.
pub(crate) async fn migrate(transaction: &DatabaseTransaction) -> Result<()> {
    refuse_newer(&applied(transaction).await?)?;
    Migrator::up(transaction, None).await?;
    Ok(())
}

/// # Errors
/// [`crate::Kind::Schema`] unless the schema is exactly this program's.
pub(crate) async fn check(connection: &DatabaseConnection) -> Result<()> {
    let applied = applied(connection).await?;
    refuse_newer(&applied)?;
    match known().into_iter().find(|name| !applied.contains(name)) {
        None => Ok(()),
        Some(missing) => Err(Fault::schema(format!(
            "the schema is older than this program, it lacks {missing}: run `rollcall migrate up`"
        ))),
    }
}

/// Takes the last `steps` migrations back, with the data in their tables.
pub(crate) async fn take_back(transaction: &DatabaseTransaction, steps: u32) -> Result<()> {
    refuse_newer(&applied(transaction).await?)?;
    Migrator::down(transaction, Some(steps)).await?;
    Ok(())
}

/// Every migration that this program knows, oldest first.
pub(crate) async fn status(connection: &DatabaseConnection) -> Result<Vec<MigrationRow>> {
    let applied = applied(connection).await?;
    let row = |name: String| MigrationRow {
        applied: applied.contains(&name),
        name,
    };
    Ok(known().into_iter().map(row).collect())
}

fn refuse_newer(applied: &BTreeSet<String>) -> Result<()> {
    let known = known();
    match applied.iter().find(|name| !known.contains(*name)) {
        None => Ok(()),
        Some(unknown) => Err(Fault::schema(format!(
            "the schema is newer than this program, which does not know {unknown}: run the newer \
             program"
        ))),
    }
}

fn known() -> BTreeSet<String> {
    Migrator::migrations()
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect()
}

/// The names of the applied migrations; none in an empty database. Never writes.
async fn applied<'c>(connection: impl IntoSchemaManagerConnection<'c>) -> Result<BTreeSet<String>> {
    let manager = SchemaManager::new(connection);
    if !manager.has_table(RECORD).await? {
        return Ok(BTreeSet::new());
    }
    let connection = manager.get_connection();
    let backend = connection.get_database_backend();
    let statement = Statement::from_string(backend, format!("SELECT version FROM {RECORD}"));
    let rows = connection.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| row.try_get("", "version").map_err(Fault::from))
        .collect()
}
