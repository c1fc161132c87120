//! `latest_statuses`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// The newest status of every sub-owner.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "latest_statuses")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sub_owner_id: String,
    pub stream_id: i64,
    pub partition_id: i64,
    pub sequence_number: i64,
    pub enqueued_at: StoredTime,
    pub status_at: StoredTime,
    pub data: String,
    pub value: Option<f64>,
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
