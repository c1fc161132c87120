//! `state_counts`.

use sea_orm::entity::prelude::*;

/// How many rows of a table are in a state: the sum of these. On PostgreSQL there are several of a
/// state, so that none is to be found by this key.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "state_counts")]
pub struct Model {
    /// The table.
    #[sea_orm(primary_key, auto_increment = false)]
    pub counted: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub state: String,
    pub number: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
