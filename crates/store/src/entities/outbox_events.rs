//! `outbox_events`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Events, in the order of their subjects' changes.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub ordinal: i64,
    pub event_id: String,
    pub r#type: String,
    pub subject: String,
    pub owner_id: String,
    pub sub_owner_id: Option<String>,
    pub payload: String,
    pub created_at: StoredTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
