//! Owners and sub-owners.

use std::collections::HashMap;

use rollcall_model::{
    CreatedBy, Owner, OwnerId, OwnerState, SubOwner, SubOwnerId, SubOwnerState, Timestamp,
};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, Order, PaginatorTrait as _,
    QueryFilter as _, QueryOrder, QuerySelect as _, Select,
};

use super::search::search;
use super::statuses::time;
use crate::entities::{owners, sub_owners};
use crate::fault::Result;
use crate::{OwnerFilter, OwnerSort, Page, column, cursor};

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
    let mut within = beyond(db, filter.sort, cursor)?;
    if let Some(state) = filter.state {
        within = within.filter(owners::Column::State.eq(state.as_str()));
    }
    // One more tells whether there are more.
    let wanted = cursor::page_size(limit) + 1;
    let rows = match filter.q.as_deref() {
        None | Some("") => sorted(within, filter.sort).limit(wanted).all(db).await?,
        Some(part) => search(db, within, filter.sort, part, wanted).await?,
    };
    match filter.sort {
        OwnerSort::Id | OwnerSort::IdFalling => {
            cursor::page(rows, limit, |row| (row.owner_id.clone(),), read_owner)
        }
        OwnerSort::Created | OwnerSort::CreatedFalling => {
            let key = |row: &owners::Model| (row.created_at.0, row.owner_id.clone());
            cursor::page(rows, limit, key, read_owner)
        }
    }
}

/// What lies beyond the cursor. A cursor of another order does not fit.
fn beyond(
    db: &DatabaseConnection,
    sort: OwnerSort,
    cursor: Option<&str>,
) -> Result<Select<owners::Entity>> {
    let order = sort.direction();
    match sort {
        OwnerSort::Id | OwnerSort::IdFalling => beyond_id_of(&order, cursor),
        OwnerSort::Created | OwnerSort::CreatedFalling => beyond_creation(db, &order, cursor),
    }
}

/// In the order of the list.
pub(super) fn sorted<Query: QueryOrder>(query: Query, sort: OwnerSort) -> Query {
    use owners::Column::{CreatedAt, OwnerId};
    let order = sort.direction();
    match sort {
        OwnerSort::Id | OwnerSort::IdFalling => query.order_by(OwnerId, order),
        OwnerSort::Created | OwnerSort::CreatedFalling => query
            .order_by(CreatedAt, order.clone())
            .order_by(OwnerId, order),
    }
}

impl OwnerSort {
    fn direction(self) -> Order {
        match self {
            Self::Id | Self::Created => Order::Asc,
            Self::IdFalling | Self::CreatedFalling => Order::Desc,
        }
    }
}

fn beyond_id_of(order: &Order, cursor: Option<&str>) -> Result<Select<owners::Entity>> {
    let mut query = owners::Entity::find();
    if let Some((id,)) = cursor::decode::<(String,)>(cursor)? {
        query = query.filter(beyond_id(order, id));
    }
    Ok(query)
}

fn beyond_creation(
    db: &DatabaseConnection,
    order: &Order,
    cursor: Option<&str>,
) -> Result<Select<owners::Entity>> {
    let mut query = owners::Entity::find();
    if let Some((at, id)) = cursor::decode::<(Timestamp, String)>(cursor)? {
        let (at, created) = (time(db, at), owners::Column::CreatedAt.into_expr());
        // The first condition is what the index is entered by.
        let (from, beyond) = match order {
            Order::Desc => (created.clone().lte(at.clone()), created.lt(at)),
            _ => (created.clone().gte(at.clone()), created.gt(at)),
        };
        query = query.filter(from).filter(beyond.or(beyond_id(order, id)));
    }
    Ok(query)
}

fn beyond_id(order: &Order, id: String) -> Expr {
    match order {
        Order::Desc => owners::Column::OwnerId.lt(id),
        _ => owners::Column::OwnerId.gt(id),
    }
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
