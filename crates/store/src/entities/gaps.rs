//! `gaps`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Numbers that the hub did not have.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "gaps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub after_sequence_number: i64,
    pub upto_sequence_number: i64,
    pub reason: String,
    pub found_at: StoredTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
