//! What an owner's settings were.

use rollcall_model::{OwnerId, Settings, Timestamp};
use schemars::JsonSchema;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use serde::Serialize;

use crate::entities::settings_history::{Column, Entity, Model};
use crate::fault::Result;
use crate::store::Operation;
use crate::{Error, Page, Store, column, cursor};

/// The settings that a version of an owner had: also a change of its state or name is a version.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SettingsVersion {
    pub version: i64,
    pub settings: Settings,
    pub changed_at: Timestamp,
    pub changed_by: String,
}

impl Store {
    /// The versions of an owner, newest first. One that was never changed has none.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn settings_history(
        &self,
        owner_id: &OwnerId,
        limit: u32,
        cursor: Option<&str>,
    ) -> std::result::Result<Page<SettingsVersion>, Error> {
        let asked = (owner_id.clone(), cursor.map(str::to_owned));
        let operation = Operation::read("settings_history", format!("of {owner_id}"));
        self.call(operation, move |backend| {
            let (owner_id, cursor) = asked.clone();
            async move { list(backend.reading(), &owner_id, limit, cursor.as_deref()).await }
        })
        .await
    }
}

async fn list(
    db: &DatabaseConnection,
    owner_id: &OwnerId,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<SettingsVersion>> {
    let mut query = Entity::find()
        .filter(Column::OwnerId.eq(owner_id.as_str()))
        .order_by_desc(Column::Version)
        .limit(cursor::page_size(limit) + 1);
    if let Some((before,)) = cursor::decode::<(i64,)>(cursor)? {
        query = query.filter(Column::Version.lt(before));
    }
    let rows = query.all(db).await?;
    cursor::page(rows, limit, |row| (row.version,), read)
}

fn read(row: Model) -> Result<SettingsVersion> {
    Ok(SettingsVersion {
        version: row.version,
        settings: column::json("settings", &row.settings)?,
        changed_at: row.changed_at.0,
        changed_by: row.changed_by,
    })
}
