//! Owners and sub-owners.

use std::collections::HashMap;

use rollcall_model::{CreatedBy, Owner, OwnerId, OwnerState, SubOwner, SubOwnerId, SubOwnerState};
use sea_orm::sea_query::LikeExpr;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use crate::entities::{owners, sub_owners};
use crate::fault::Result;
use crate::{OwnerFilter, Page, column, cursor};

pub(super) async fn owner(db: &DatabaseConnection, owner_id: &OwnerId) -> Result<Option<Owner>> {
    let row = owners::Entity::find_by_id(owner_id.as_str())
        .one(db)
        .await?;
    row.map(read_owner).transpose()
}

pub(super) async fn sub_owner(
    db: &DatabaseConnection,
    owner_id: &OwnerId,
    sub_owner_id: &SubOwnerId,
) -> Result<Option<SubOwner>> {
    let key = (owner_id.to_string(), sub_owner_id.to_string());
    let row = sub_owners::Entity::find_by_id(key).one(db).await?;
    row.map(read_sub_owner).transpose()
}

pub(crate) async fn list_owners(
    db: &DatabaseConnection,
    filter: &OwnerFilter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<Owner>> {
    let mut query = owners::Entity::find()
        .order_by_asc(owners::Column::OwnerId)
        .limit(cursor::page_size(limit) + 1);
    if let Some((after,)) = cursor::decode::<(String,)>(cursor)? {
        query = query.filter(owners::Column::OwnerId.gt(after));
    }
    if let Some(state) = filter.state {
        query = query.filter(owners::Column::State.eq(state.as_str()));
    }
    if let Some(part) = filter.q.as_deref().filter(|part| !part.is_empty()) {
        query = query.filter(owners::Column::Search.like(containing(part)));
    }
    let rows = query.all(db).await?;
    cursor::page(rows, limit, |row| (row.owner_id.clone(),), read_owner)
}

/// Owners that the stream entered and that are not deleted; counted no further than `at_most`.
pub(crate) async fn count_owners_of_stream(db: &DatabaseConnection, at_most: u64) -> Result<u64> {
    let query = owners::Entity::find()
        .filter(owners::Column::CreatedBy.eq(CreatedBy::Stream.as_str()))
        .filter(owners::Column::State.ne(OwnerState::Deleted.as_str()))
        .limit(at_most);
    Ok(query.count(db).await?)
}

/// Sub-owners of these owners that the stream entered and that are not deleted.
pub(crate) async fn count_sub_owners_of_stream(
    db: &DatabaseConnection,
    owner_ids: &[OwnerId],
) -> Result<HashMap<OwnerId, u64>> {
    use sub_owners::Column;
    let ids = owner_ids.iter().map(OwnerId::as_str);
    let counts: Vec<(String, i64)> = sub_owners::Entity::find()
        .select_only()
        .column(Column::OwnerId)
        .column_as(Column::SubOwnerId.count(), "sub_owners")
        .filter(Column::OwnerId.is_in(ids))
        .filter(Column::CreatedBy.eq(CreatedBy::Stream.as_str()))
        .filter(Column::State.ne(SubOwnerState::Deleted.as_str()))
        .group_by(Column::OwnerId)
        .into_tuple()
        .all(db)
        .await?;
    let count = |(id, count): (String, i64)| {
        let count = column::count("sub_owners", count)?;
        Ok((column::owner_id(&id)?, count))
    };
    counts.into_iter().map(count).collect()
}

/// Text that has `part` in it, in lower case; `%` and `_` stand for themselves.
fn containing(part: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for character in part.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

pub(super) async fn list_sub_owners(
    db: &DatabaseConnection,
    owner_id: &OwnerId,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<SubOwner>> {
    let mut query = sub_owners::Entity::find()
        .filter(sub_owners::Column::OwnerId.eq(owner_id.as_str()))
        .order_by_asc(sub_owners::Column::SubOwnerId)
        .limit(cursor::page_size(limit) + 1);
    if let Some((after,)) = cursor::decode::<(String,)>(cursor)? {
        query = query.filter(sub_owners::Column::SubOwnerId.gt(after));
    }
    let rows = query.all(db).await?;
    cursor::page(
        rows,
        limit,
        |row| (row.sub_owner_id.clone(),),
        read_sub_owner,
    )
}

fn read_owner(row: owners::Model) -> Result<Owner> {
    Ok(Owner {
        owner_id: column::owner_id(&row.owner_id)?,
        state: column::name("state", &row.state)?,
        display_name: row.display_name,
        settings: column::json("settings", &row.settings)?,
        version: row.version,
        created_at: row.created_at.0,
        created_by: column::name("created_by", &row.created_by)?,
    })
}

fn read_sub_owner(row: sub_owners::Model) -> Result<SubOwner> {
    Ok(SubOwner {
        owner_id: column::owner_id(&row.owner_id)?,
        sub_owner_id: column::sub_owner_id(&row.sub_owner_id)?,
        state: column::name("state", &row.state)?,
        display_name: row.display_name,
        settings: column::json("settings", &row.settings)?,
        version: row.version,
        created_at: row.created_at.0,
        created_by: column::name("created_by", &row.created_by)?,
    })
}
