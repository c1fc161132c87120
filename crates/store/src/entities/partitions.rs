//! `partitions`.

use sea_orm::entity::prelude::*;

use super::StoredTime;

/// Lease, checkpoint, durable totals and last observation of every partition.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "partitions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub partition_id: i64,
    pub epoch: i64,
    pub node: Option<String>,
    pub incarnation: Option<String>,
    pub expires_at: Option<StoredTime>,
    pub ttl_millis: i64,
    pub offset: Option<String>,
    pub number_epoch: Option<i64>,
    pub first_sequence_number: Option<i64>,
    pub sequence_number: Option<i64>,
    pub stored: i64,
    pub held: i64,
    pub dead: i64,
    pub gaps: i64,
    pub removed: i64,
    pub dropped: String,
    pub last_commit_at: Option<StoredTime>,
    pub last_enqueued_sequence_number: Option<i64>,
    pub lag_seconds: Option<f64>,
    pub observed_state: Option<String>,
    pub replayed: i64,
    pub replays: i64,
    pub gap_accepted_upto: Option<i64>,
    pub observed_fault: Option<String>,
    pub last_node: Option<String>,
    pub moves: i64,
    pub losses: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
