//! The survey: who holds which lease, and which nodes live. What the balance is computed from.

use rollcall_model::{Epoch, PartitionId, StreamId, Timestamp};
use sea_orm::{
    AccessMode, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, IsolationLevel,
    QueryFilter as _, QueryOrder as _, TransactionTrait as _,
};
use uuid::Uuid;

use crate::entities::{nodes, partitions};
use crate::fault::Result;
use crate::store::{Backend, Operation};
use crate::{Error, Store, column};

/// Leases and nodes at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The database's time, just before the rest was read.
    pub now: Timestamp,
    /// By number. A partition that nobody has claimed yet may be missing.
    pub leases: Vec<LeaseRow>,
    /// By name.
    pub nodes: Vec<NodeSeen>,
}

/// A partition's lease; free if it has no incarnation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    pub partition_id: PartitionId,
    pub epoch: Epoch,
    pub node: Option<String>,
    pub incarnation: Option<Uuid>,
    pub expires_at: Option<Timestamp>,
}

/// A node by its last sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSeen {
    pub name: String,
    pub incarnation: Uuid,
    pub roles: Vec<String>,
    pub last_seen_at: Timestamp,
}

impl Store {
    /// The leases of the stream and the nodes, in one snapshot.
    ///
    /// # Errors
    /// As every transaction, by [`crate::Kind`].
    pub async fn survey(&self, stream_id: StreamId) -> std::result::Result<Survey, Error> {
        let operation = Operation::read("survey", format!("of stream {stream_id}"));
        self.call(operation, move |backend| async move {
            let now = backend.now().await?;
            let snapshot = snapshot(&backend).await?;
            let survey = Survey {
                now,
                leases: leases(&snapshot, stream_id).await?,
                nodes: seen(&snapshot).await?,
            };
            snapshot.commit().await?;
            Ok(survey)
        })
        .await
    }
}

/// A transaction whose reads all see one moment: every one does on SQLite.
async fn snapshot(backend: &Backend) -> Result<DatabaseTransaction> {
    let isolation = match backend {
        Backend::Sqlite(_) => return Ok(backend.reading().begin().await?),
        Backend::Postgres(_) => IsolationLevel::RepeatableRead,
    };
    let reading = backend.reading();
    Ok(reading
        .begin_with_config(Some(isolation), Some(AccessMode::ReadOnly))
        .await?)
}

async fn leases(snapshot: &DatabaseTransaction, stream_id: StreamId) -> Result<Vec<LeaseRow>> {
    let rows = partitions::Entity::find()
        .filter(partitions::Column::StreamId.eq(stream_id.0))
        .order_by_asc(partitions::Column::PartitionId)
        .all(snapshot)
        .await?;
    rows.into_iter().map(read_lease).collect()
}

fn read_lease(row: partitions::Model) -> Result<LeaseRow> {
    let incarnation = row.incarnation.as_deref();
    let incarnation = incarnation.map(|text| column::uuid("incarnation", text));
    Ok(LeaseRow {
        partition_id: column::partition_id(row.partition_id)?,
        epoch: Epoch(row.epoch),
        incarnation: incarnation.transpose()?,
        node: row.node,
        expires_at: row.expires_at.map(|at| at.0),
    })
}

async fn seen(snapshot: &DatabaseTransaction) -> Result<Vec<NodeSeen>> {
    let rows = nodes::Entity::find()
        .order_by_asc(nodes::Column::Name)
        .all(snapshot)
        .await?;
    rows.into_iter().map(read_node).collect()
}

fn read_node(row: nodes::Model) -> Result<NodeSeen> {
    Ok(NodeSeen {
        incarnation: column::uuid("incarnation", &row.incarnation)?,
        roles: column::json("roles", &row.roles)?,
        name: row.name,
        last_seen_at: row.last_seen_at.0,
    })
}
