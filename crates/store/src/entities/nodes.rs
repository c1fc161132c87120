//! `nodes`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// The last sign of life of every node.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "nodes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub incarnation: String,
    pub roles: String,
    pub version: String,
    pub api: Option<String>,
    pub shards: String,
    pub last_seen_at: StoredTime,
    pub leases: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
