//! Owners of a rare state in the order of their creation.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds the index; down takes it away.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0014_owners_by_state_and_creation", Postgres);
