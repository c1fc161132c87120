//! `owners`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// The roll: one row per owner id.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "owners")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: String,
    pub state: String,
    pub display_name: Option<String>,
    pub settings: String,
    pub version: i64,
    pub created_at: StoredTime,
    pub created_by: String,
    pub search: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
