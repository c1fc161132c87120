//! The partitions of `statuses`: one per day of `enqueued_at`, made before the commit that needs
//! it.
//!
//! They are made apart and attached, which stops neither readers nor commits (`CREATE TABLE …
//! PARTITION OF` would lock the whole table against both), under a lock of their own, so that of
//! two nodes that meet a new day the second finds it. What is known to exist is remembered: a
//! commit into a known day costs no question. A day that retention dropped meanwhile shows itself
//! as a refused row; then everything is looked up again ([`Days::forget`]).

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rollcall_model::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use super::Database;
use crate::fault::Result;

const SECONDS_PER_DAY: i64 = 86_400;
/// "roll" in ASCII, and a number of ours.
const DAYS_LOCK: i64 = 0x726f_6c6c_0002;
/// Days that one transaction makes: each takes a lock, and a server has about 6,400.
const DAYS_AT_ONCE: usize = 100;

/// A day since 1970-01-01, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

/// The days that are known to have a partition. Never held across an await.
#[derive(Debug, Default)]
pub(super) struct Days(Mutex<BTreeSet<Day>>);

impl Day {
    pub(super) fn of(time: Timestamp) -> Self {
        Self(time.as_seconds().div_euclid(SECONDS_PER_DAY))
    }

    /// `statuses_20261124`.
    pub(super) fn table(self) -> String {
        let start = self.start().to_text();
        format!("{TABLE_PREFIX}{}", start.as_str()[..10].replace('-', ""))
    }

    /// The day of a table, if the name is one of [`Self::table`]'s.
    pub(super) fn of_table(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(TABLE_PREFIX)?;
        let (year, month, day) = (digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?);
        let start = Timestamp::parse(&format!("{year}-{month}-{day}T00:00:00Z")).ok()?;
        Some(Self::of(start))
    }

    fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0 * SECONDS_PER_DAY * 1_000)
    }

    /// Its last moment is over at `time`.
    pub(super) fn is_over(self, time: Timestamp) -> bool {
        self < Self::of(time)
    }

    fn create(self) -> String {
        let (table, start) = (self.table(), self.0 * SECONDS_PER_DAY);
        let end = start + SECONDS_PER_DAY;
        format!(
            "CREATE TABLE {table} (LIKE statuses INCLUDING DEFAULTS INCLUDING STORAGE);
             ALTER TABLE statuses ATTACH PARTITION {table}
                 FOR VALUES FROM (to_timestamp({start})) TO (to_timestamp({end}));"
        )
    }
}

const TABLE_PREFIX: &str = "statuses_";

impl Days {
    /// Those that are not known to exist.
    fn unknown(&self, wanted: BTreeSet<Day>) -> BTreeSet<Day> {
        let known = self.lock();
        wanted
            .into_iter()
            .filter(|day| !known.contains(day))
            .collect()
    }

    fn remember(&self, days: impl IntoIterator<Item = Day>) {
        self.lock().extend(days);
    }

    /// After a day turned out to be gone.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Day>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// Makes the days of `times` that are not there.
    pub(super) async fn prepare_days(&self, times: impl Iterator<Item = Timestamp>) -> Result<()> {
        let unknown = self.days.unknown(days(times));
        let unknown: Vec<Day> = unknown.into_iter().collect();
        for days in unknown.chunks(DAYS_AT_ONCE) {
            let mut writing = self.write().await?;
            make(writing.connection(), days).await?;
            writing.commit().await?;
            self.days.remember(days.iter().copied());
        }
        Ok(())
    }

    pub(super) fn forget_days(&self) {
        self.days.forget();
    }
}

/// Runs of one day are skipped without a look at the set.
fn days(times: impl Iterator<Item = Timestamp>) -> BTreeSet<Day> {
    let mut days = BTreeSet::new();
    let mut last = None;
    for time in times {
        let day = Day::of(time);
        if last != Some(day) {
            days.insert(day);
            last = Some(day);
        }
    }
    days
}

async fn make(connection: &mut PgConnection, days: &[Day]) -> Result<()> {
    lock(connection).await?;
    let existing: BTreeSet<Day> = existing(connection).await?.into_iter().collect();
    let missing = days.iter().filter(|day| !existing.contains(day));
    let create: String = missing.map(|day| day.create()).collect();
    if !create.is_empty() {
        sqlx::raw_sql(AssertSqlSafe(create))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Whoever makes or drops days comes alone.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(DAYS_LOCK)
        .execute(connection)
        .await?;
    Ok(())
}

/// The days that have a partition, ascending.
pub(super) async fn existing(connection: &mut PgConnection) -> Result<Vec<Day>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'statuses'::regclass",
    )
    .fetch_all(connection)
    .await?;
    let mut days: Vec<Day> = tables
        .iter()
        .filter_map(|name| Day::of_table(name))
        .collect();
    days.sort_unstable();
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::of(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn a_days_table_names_it() {
        for (time, table) in [
            ("2026-11-24T23:59:59.999999Z", "statuses_20261124"),
            ("2026-11-25T00:00:00Z", "statuses_20261125"),
            ("1969-12-31T23:59:59Z", "statuses_19691231"),
            ("0000-01-01T00:00:00Z", "statuses_00000101"),
        ] {
            assert_eq!(day(time).table(), table);
            assert_eq!(Day::of_table(table), Some(day(time)));
        }
        for other in [
            "statuses",
            "statuses_",
            "statuses_2026",
            "statuses_20261340",
        ] {
            assert_eq!(Day::of_table(other), None, "{other}");
        }
    }

    #[test]
    fn a_day_is_over_when_the_next_one_begins() {
        let eve = day("2026-11-24T12:00:00Z");
        let at = |text| Timestamp::parse(text).unwrap();
        assert!(!eve.is_over(at("2026-11-24T23:59:59.999999Z")));
        assert!(eve.is_over(at("2026-11-25T00:00:00Z")));
    }

    #[test]
    fn what_is_known_is_not_asked_for_until_it_is_forgotten() {
        let days = Days::default();
        let wanted = || BTreeSet::from([Day(1), Day(2)]);
        days.remember([Day(1)]);
        assert_eq!(days.unknown(wanted()), BTreeSet::from([Day(2)]));
        days.forget();
        assert_eq!(days.unknown(wanted()), wanted());
    }
}
