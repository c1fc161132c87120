//! Deliveries without a foreign key to their events.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Takes the key away; down adds it again.
#[derive(Debug, Clone, Copy, DeriveMigrationName)]
pub(crate) struct Migration;

plain_sql!("0015_outbox_without_reference", Postgres);
