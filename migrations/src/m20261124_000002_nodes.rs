//! What several nodes on one database need of each other.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// The feed of changes, and who sends to which sink.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0002_nodes");
