//! `settings_history`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Settings as they were from each version on. An owner that was never changed has no row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "settings_history")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    pub settings: String,
    pub changed_at: StoredTime,
    pub changed_by: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
