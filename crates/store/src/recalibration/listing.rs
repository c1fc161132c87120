//! Jobs as lists show them.

use rollcall_model::{OwnerId, Timestamp};
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use super::{RecalibrationRow, RecalibrationState};
use crate::entities::recalibrations::{Column, Entity, Model};
use crate::fault::Result;
use crate::reading::statuses::time;
use crate::store::Operation;
use crate::{Error, Page, Store, column, cursor};

/// Which jobs a list shows.
#[derive(Debug, Clone, Default)]
pub struct RecalibrationFilter {
    pub owner_id: Option<OwnerId>,
    pub state: Option<RecalibrationState>,
}

impl Store {
    /// Jobs, newest first.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn list_recalibrations(
        &self,
        filter: &RecalibrationFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> std::result::Result<Page<RecalibrationRow>, Error> {
        let asked = (filter.clone(), cursor.map(str::to_owned));
        let operation = Operation::read("list_recalibrations", "");
        self.call(operation, move |backend| {
            let (filter, cursor) = asked.clone();
            async move { list(backend.reading(), &filter, limit, cursor.as_deref()).await }
        })
        .await
    }

    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn recalibration(
        &self,
        job_id: Uuid,
    ) -> std::result::Result<Option<RecalibrationRow>, Error> {
        let operation = Operation::read("recalibration", job_id.to_string());
        self.call(operation, move |backend| async move {
            let row = Entity::find_by_id(job_id.to_string());
            row.one(backend.reading()).await?.map(read).transpose()
        })
        .await
    }
}

async fn list(
    db: &DatabaseConnection,
    filter: &RecalibrationFilter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<RecalibrationRow>> {
    let mut query = Entity::find()
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::JobId)
        .limit(cursor::page_size(limit) + 1);
    if let Some(owner_id) = &filter.owner_id {
        query = query.filter(Column::OwnerId.eq(owner_id.as_str()));
    }
    if let Some(state) = filter.state {
        query = query.filter(Column::State.eq(state.as_str()));
    }
    if let Some((at, job_id)) = cursor::decode::<(Timestamp, String)>(cursor)? {
        let (at, created) = (time(db, at), Column::CreatedAt.into_expr());
        let same = created.clone().eq(at.clone());
        query = query.filter(created.lt(at).or(same.and(Column::JobId.lt(job_id))));
    }
    let rows = query.all(db).await?;
    cursor::page(
        rows,
        limit,
        |row| (row.created_at.0, row.job_id.clone()),
        read,
    )
}

pub(crate) fn read(row: Model) -> Result<RecalibrationRow> {
    let sub_owner_id = row.sub_owner_id.as_deref();
    Ok(RecalibrationRow {
        job_id: column::uuid("job_id", &row.job_id)?,
        owner_id: column::owner_id(&row.owner_id)?,
        sub_owner_id: sub_owner_id.map(column::sub_owner_id).transpose()?,
        from_at: row.from_at.map(|at| at.0),
        to_at: row.to_at.0,
        version: row.version,
        state: column::name("state", &row.state)?,
        statuses: column::count("statuses", row.statuses)?,
        statuses_done: column::count("statuses_done", row.statuses_done)?,
        statuses_changed: column::count("statuses_changed", row.statuses_changed)?,
        created_at: row.created_at.0,
        created_by: row.created_by,
        updated_at: row.updated_at.0,
        node: row.node,
    })
}

/// The job as it is after a transaction, or before one that changed nothing.
pub(crate) async fn present(
    db: &DatabaseConnection,
    job_id: &str,
) -> Result<Option<RecalibrationRow>> {
    let row = Entity::find_by_id(job_id).one(db).await?;
    row.map(read).transpose()
}
