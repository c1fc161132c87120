//! `streams`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// The generations of hubs as consumer groups read them.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "streams")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub stream_id: i64,
    pub namespace: String,
    pub event_hub: String,
    pub consumer_group: String,
    pub generation: i64,
    pub hub_created_at: StoredTime,
    pub resolved: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
