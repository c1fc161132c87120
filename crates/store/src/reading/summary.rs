//! Counts for the summary.

use std::collections::BTreeMap;

use rollcall_model::{OwnerState, SubOwnerState};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _,
};

use crate::entities::{dead_letters, outbox_deliveries, owners, sub_owners};
use crate::fault::Result;
use crate::{DeadLetterState, Summary, column};

pub(super) async fn summary(db: &DatabaseConnection) -> Result<Summary> {
    let active = SubOwnerState::Active.as_str();
    let open = DeadLetterState::Open.as_str();
    Ok(Summary {
        owners: owners_by_state(db).await?,
        sub_owners: sub_owners::Entity::find()
            .filter(sub_owners::Column::State.eq(active))
            .count(db)
            .await?,
        dead_letters: dead_letters::Entity::find()
            .filter(dead_letters::Column::State.eq(open))
            .count(db)
            .await?,
        outbox_pending: outbox_deliveries::Entity::find()
            // As a literal: the index of pending deliveries is not used for a parameter.
            .filter(Expr::cust("state = 'pending'"))
            .count(db)
            .await?,
    })
}

async fn owners_by_state(db: &DatabaseConnection) -> Result<BTreeMap<OwnerState, u64>> {
    let rows: Vec<(String, i64)> = owners::Entity::find()
        .select_only()
        .column(owners::Column::State)
        .column_as(owners::Column::OwnerId.count(), "owners")
        .group_by(owners::Column::State)
        .into_tuple()
        .all(db)
        .await?;
    let mut counts: BTreeMap<_, _> = OwnerState::ALL.iter().map(|state| (*state, 0)).collect();
    for (state, owners) in rows {
        counts.insert(
            column::name("state", &state)?,
            column::count("owners", owners)?,
        );
    }
    Ok(counts)
}
