//! What operators see of the reading: who read last, how often it changed hands, why it stands.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds the columns; down takes them away, and with them what was counted.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0005_standing");
