//! The database schema, up and down.
//!
//! A migration is one file here and one SQL text per database and direction: the tables' layout
//! (keys, collations, partial indexes) differs too much between the databases for one builder to
//! say it well. Each migration runs in a transaction, together with its record in
//! `seaql_migrations`, so that a crash leaves either the old schema or the new one.

pub use sea_orm_migration;
use sea_orm_migration::prelude::*;

#[macro_use]
mod plain_sql;

mod m20261123_000001_first;
mod m20261124_000002_nodes;
mod m20261124_000003_replay;
mod m20261126_000004_outbox;
mod m20261126_000005_standing;
mod m20261126_000006_status_blocks;
mod m20261127_000007_held_counts;
mod m20261127_000008_access;
mod m20261127_000009_owners_by_creation;
mod m20261127_000010_recalibrations;
mod m20261127_000011_owners_by_search;
mod m20261128_000012_state_counts;
mod m20261128_000013_owners_search_statistics;
mod m20261128_000014_owners_by_state_and_creation;
mod m20261128_000015_outbox_without_reference;

/// Every migration, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_first::Migration),
            Box::new(m20261124_000002_nodes::Migration),
            Box::new(m20261124_000003_replay::Migration),
            Box::new(m20261126_000004_outbox::Migration),
            Box::new(m20261126_000005_standing::Migration),
            Box::new(m20261126_000006_status_blocks::Migration),
            Box::new(m20261127_000007_held_counts::Migration),
            Box::new(m20261127_000008_access::Migration),
            Box::new(m20261127_000009_owners_by_creation::Migration),
            Box::new(m20261127_000010_recalibrations::Migration),
            Box::new(m20261127_000011_owners_by_search::Migration),
            Box::new(m20261128_000012_state_counts::Migration),
            Box::new(m20261128_000013_owners_search_statistics::Migration),
            Box::new(m20261128_000014_owners_by_state_and_creation::Migration),
            Box::new(m20261128_000015_outbox_without_reference::Migration),
        ]
    }
}
