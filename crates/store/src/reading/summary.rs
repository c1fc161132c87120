//! Counts for the summary. Whoever reads them from many rows of `state_counts` has these added up
//! afterwards, as a transaction of its own (`postgres/state_counts.rs`).

use std::collections::HashMap;

use rollcall_model::{OwnerState, SubOwnerState};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _,
};

use crate::entities::{dead_letters, outbox_deliveries, state_counts};
use crate::fault::Result;
use crate::store::{Backend, Operation};
use crate::{DeadLetterState, Error, Store, Summary, column, postgres};

/// What `state_counts` tells.
struct StateCounts {
    /// By the table and the state.
    numbers: HashMap<(String, String), u64>,
    rows: i64,
}

impl Store {
    pub async fn summary(&self) -> std::result::Result<Summary, Error> {
        let reading = self.call(Operation::read("summary", ""), |backend| async move {
            summary(backend.reading()).await
        });
        let (summary, rows) = reading.await?;
        // It is asked for no more than the counts, and what fails is in the log.
        if rows > postgres::state_counts::WORTH_ADDING_UP {
            drop(self.add_up_state_counts().await);
        }
        Ok(summary)
    }

    async fn add_up_state_counts(&self) -> std::result::Result<(), Error> {
        let operation = Operation::write("add_up_state_counts", "");
        self.call(operation, |backend| async move {
            match &*backend {
                // It has a row for each state.
                Backend::Sqlite(_) => Ok(()),
                Backend::Postgres(database) => postgres::state_counts::add_up(database).await,
            }
        })
        .await
    }
}

/// The summary, and from how many rows of `state_counts` it was added up.
async fn summary(db: &DatabaseConnection) -> Result<(Summary, i64)> {
    let open = DeadLetterState::Open.as_str();
    let counts = state_counts(db).await?;
    let owners = OwnerState::ALL.iter().map(|state| {
        let number = counts.number("owners", state.as_str());
        (*state, number)
    });
    let summary = Summary {
        owners: owners.collect(),
        sub_owners: counts.number("sub_owners", SubOwnerState::Active.as_str()),
        dead_letters: dead_letters::Entity::find()
            .filter(dead_letters::Column::State.eq(open))
            .count(db)
            .await?,
        outbox_pending: outbox_deliveries::Entity::find()
            // As a literal: the index of pending deliveries is not used for a parameter.
            .filter(Expr::cust("state = 'pending'"))
            .count(db)
            .await?,
    };
    Ok((summary, counts.rows))
}

async fn state_counts(db: &DatabaseConnection) -> Result<StateCounts> {
    use state_counts::Column::{Counted, State};
    let rows: Vec<(String, String, i64, i64)> = state_counts::Entity::find()
        .select_only()
        .columns([Counted, State])
        // A sum of bigints is a numeric.
        .column_as(Expr::cust("CAST(sum(number) AS bigint)"), "number")
        .column_as(Expr::cust("count(*)"), "n_rows")
        .group_by(Counted)
        .group_by(State)
        .into_tuple()
        .all(db)
        .await?;
    let mut counts = StateCounts {
        numbers: HashMap::new(),
        rows: 0,
    };
    for (counted, state, number, of_rows) in rows {
        // Below zero it is only after somebody wrote past the triggers, which the doctor tells.
        let number = column::count("number", number.max(0))?;
        counts.numbers.insert((counted, state), number);
        counts.rows += of_rows;
    }
    Ok(counts)
}

impl StateCounts {
    /// A state without a row has nobody in it.
    fn number(&self, counted: &str, state: &str) -> u64 {
        let key = (counted.to_owned(), state.to_owned());
        self.numbers.get(&key).copied().unwrap_or(0)
    }
}
