//! `recalibrations`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Statuses that get their values anew. The newest job of an owner may be open, no other.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "recalibrations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: String,
    pub owner_id: String,
    pub sub_owner_id: Option<String>,
    pub from_at: Option<StoredTime>,
    pub to_at: StoredTime,
    pub version: i64,
    pub settings: String,
    pub state: String,
    pub statuses: i64,
    pub statuses_done: i64,
    pub statuses_changed: i64,
    pub place_sub_owner_id: Option<String>,
    pub place_at: Option<StoredTime>,
    pub created_at: StoredTime,
    pub created_by: String,
    pub updated_at: StoredTime,
    pub node: Option<String>,
    pub worker: Option<String>,
    pub worked_until: Option<StoredTime>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
