//! `sub_owners`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// The roll: one row per owner and sub-owner.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sub_owners")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sub_owner_id: String,
    pub state: String,
    pub display_name: Option<String>,
    pub settings: String,
    pub version: i64,
    pub created_at: StoredTime,
    pub created_by: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
