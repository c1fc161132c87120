//! `held_statuses`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Statuses of pending owners, not yet calibrated.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "held_statuses")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence_number: i64,
    pub owner_id: String,
    pub sub_owner_id: String,
    pub enqueued_at: StoredTime,
    pub status_at: StoredTime,
    pub data: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
