//! `statuses`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Every stored event. The table has no unique key; the position rule makes this one hold.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "statuses")]
pub struct Model {
    pub owner_id: String,
    pub sub_owner_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
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
