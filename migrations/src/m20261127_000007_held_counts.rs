//! How many statuses are held of each pending owner.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds the table and counts what is held; down takes it away.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0007_held_counts");
