//! `outbox_deliveries`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// How far each event has come at each sink.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sink: String,
    pub subject: String,
    pub ordinal: i64,
    pub state: String,
    pub attempts: i64,
    pub not_before: Option<StoredTime>,
    pub sent_at: Option<StoredTime>,
    pub last_error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
