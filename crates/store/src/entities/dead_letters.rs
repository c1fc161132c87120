//! `dead_letters`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Events that cannot be stored as statuses, with their raw bodies.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letters")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence_number: i64,
    pub enqueued_at: StoredTime,
    pub reason: String,
    pub detail: String,
    pub body: Vec<u8>,
    pub state: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
