//! Owners by a part of their id or name, a page in order.

use sea_orm::sea_query::{Asterisk, LikeExpr, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, DbBackend, FromQueryResult as _, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, Select,
};

use super::roll::sorted;
use crate::OwnerSort;
use crate::entities::owners;
use crate::fault::Result;

/// Owners that are looked at in the order of the list before the index of trigrams is asked. A part that
/// one owner in a hundred has fills a page within them; reading them takes a few milliseconds.
const WALK: u64 = 5_000;

/// The first `wanted` of those `within` that have `part`.
///
/// PostgreSQL takes it that matches lie evenly in the order of the list, so that for a part whose matches
/// all stand at its end it reads a million owners. It is not asked to choose: a few owners are read in
/// order, and where they do not fill the page, all matches are found first and sorted afterwards.
pub(super) async fn search(
    db: &DatabaseConnection,
    within: Select<owners::Entity>,
    sort: OwnerSort,
    part: &str,
    wanted: u64,
) -> Result<Vec<owners::Model>> {
    let matches = owners::Column::Search.like(containing(part));
    if db.get_database_backend() != DbBackend::Postgres {
        let query = sorted(within.filter(matches), sort).limit(wanted);
        return Ok(query.all(db).await?);
    }
    let walk = sorted(within.clone(), sort).limit(WALK).into_query();
    let mut near = page(walk, sort, wanted);
    near.and_where(matches.clone());
    let found = rows(db, &near).await?;
    if u64::try_from(found.len()).is_ok_and(|count| count == wanted) {
        return Ok(found);
    }
    // An offset, also of nothing, keeps the outer order and limit out of the inner plan.
    let all = within.filter(matches).offset(0).into_query();
    rows(db, &page(all, sort, wanted)).await
}

/// The first ones of a query, in order.
fn page(of: SelectStatement, sort: OwnerSort, wanted: u64) -> SelectStatement {
    let query = Query::select()
        .column(Asterisk)
        .from_subquery(of, owners::Entity)
        .limit(wanted)
        .to_owned();
    sorted(Ordered(query), sort).0
}

/// What the order of a list is put behind.
struct Ordered(SelectStatement);

impl sea_orm::QueryOrder for Ordered {
    type QueryStatement = SelectStatement;

    fn query(&mut self) -> &mut SelectStatement {
        &mut self.0
    }
}

async fn rows(db: &DatabaseConnection, query: &SelectStatement) -> Result<Vec<owners::Model>> {
    let statement = db.get_database_backend().build(query);
    Ok(owners::Model::find_by_statement(statement).all(db).await?)
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
