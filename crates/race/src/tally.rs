//! What a way has left behind, counted from its tables and the topic's receipt.

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::kind::Kind;
use crate::newcomers::Plan;
use crate::session::Session;
use crate::topic::Receipt;

const OWNERS: &str = "SELECT count(DISTINCT owner_id) FROM owners";
const OWNERS_TWICE: &str = "SELECT count(*) FROM (
    SELECT owner_id FROM owners GROUP BY owner_id HAVING count(*) > 1) AS twice";
const STATUSES: &str = "SELECT count(*) FROM (
    SELECT partition_id FROM statuses GROUP BY partition_id, sequence_number) AS events";
const STATUSES_TWICE: &str = "SELECT count(*) FROM (
    SELECT partition_id FROM statuses GROUP BY partition_id, sequence_number
    HAVING count(*) > 1) AS twice";

/// How a way came through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub way: &'static str,
    #[serde(skip)]
    pub kind: Kind,
    /// Owners that have more than one row.
    pub owners_created_twice: u64,
    /// Owners of the stream that have no row.
    pub owners_lost: u64,
    /// Owners that were announced under more than one id: no receiver can tell that it is one.
    pub announced_twice: u64,
    /// Announcements that came again under the same id: a receiver that remembers ids sees one.
    pub announcements_repeated: u64,
    /// Owners of the stream that were never announced.
    pub announcements_lost: u64,
    pub statuses_lost: u64,
    pub statuses_stored_twice: u64,
    pub statuses_per_second: u64,
    /// Consumers, relays and nodes that were killed.
    pub kills: u32,
}

/// How it went meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Course {
    pub(crate) seconds: f64,
    pub(crate) kills: u32,
}

pub(crate) async fn count(
    kind: Kind,
    plan: &Plan,
    course: Course,
    session: &mut Session,
    receipt: &Receipt,
) -> Result<Outcome> {
    let owners = u64::from(plan.owners);
    let announced = receipt.len() as u64;
    let lost = |due: u64, there: u64| due.saturating_sub(there);
    Ok(Outcome {
        way: kind.name(),
        kind,
        owners_created_twice: number(session, OWNERS_TWICE).await?,
        owners_lost: lost(owners, number(session, OWNERS).await?),
        announced_twice: receipt.values().filter(|ids| ids.len() > 1).count() as u64,
        announcements_repeated: repeated(receipt),
        announcements_lost: lost(owners, announced),
        statuses_lost: lost(plan.statuses(), number(session, STATUSES).await?),
        statuses_stored_twice: number(session, STATUSES_TWICE).await?,
        statuses_per_second: rate(plan.statuses(), course.seconds),
        kills: course.kills,
    })
}

async fn number(session: &mut Session, sql: &'static str) -> Result<u64> {
    let number = session.number(sql, &[]).await?;
    Ok(number.context("a count has no rows")?.try_into()?)
}

fn repeated(receipt: &Receipt) -> u64 {
    let arrivals = receipt.values().flat_map(|ids| ids.values());
    arrivals.map(|times| times - 1).sum()
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a figure for people"
)]
pub(crate) fn rate(events: u64, seconds: f64) -> u64 {
    (events as f64 / seconds).round() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Owner 0 once, 1 twice, 2 not at all; number 0 once, 1 twice, 2 not at all.
    const LEFT_BEHIND: &str = "
        CREATE TABLE owners (owner_id TEXT);
        INSERT INTO owners VALUES ('owner-0'), ('owner-1'), ('owner-1');
        CREATE TABLE statuses (partition_id BIGINT, sequence_number BIGINT);
        INSERT INTO statuses VALUES (0, 0), (0, 1), (0, 1), (1, 0);";
    const PLAN: Plan = Plan {
        seed: 1,
        owners: 3,
        statuses_per_owner: 2,
        partitions: 2,
    };

    #[tokio::test]
    async fn what_is_lost_and_what_is_there_twice_is_counted_from_tables_and_receipt() {
        let mut session = Session::open("sqlite::memory:").await.unwrap();
        session.prepare(LEFT_BEHIND).await.unwrap();
        let ids = |ids: &[(&str, u64)]| -> BTreeMap<String, u64> {
            ids.iter()
                .map(|(id, times)| ((*id).to_owned(), *times))
                .collect()
        };
        let receipt = Receipt::from([
            ("owner-0".to_owned(), ids(&[("a", 3)])),
            ("owner-1".to_owned(), ids(&[("b", 1), ("c", 1)])),
        ]);
        let course = Course {
            seconds: 2.0,
            kills: 4,
        };
        let outcome = count(Kind::CheckThenCreate, &PLAN, course, &mut session, &receipt);
        let expected = Outcome {
            way: "check_then_create",
            kind: Kind::CheckThenCreate,
            owners_created_twice: 1,
            owners_lost: 1,
            announced_twice: 1,
            announcements_repeated: 2,
            announcements_lost: 1,
            statuses_lost: 3,
            statuses_stored_twice: 1,
            statuses_per_second: 3,
            kills: 4,
        };
        assert_eq!(outcome.await.unwrap(), expected);
    }
}
