//! What replays and accepted gaps need.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Adds the columns and the index; down takes them away, and with them what was counted.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0003_replay");
