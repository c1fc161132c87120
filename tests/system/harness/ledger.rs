//! The ledger: the hub's log against the tables.
//!
//! | | what must hold | when |
//! |---|---|---|
//! | a | per partition: rows in `statuses`, `held_statuses`, `dead_letters`, plus drops and gaps = checkpoint + 1 − first, and each equals the durable total | always |
//! | b | every number up to the checkpoint is in exactly one place, none beyond it in any | always |
//! | c | statuses and dead letters are what the log's events must become, to the byte | of what is there: always; of everything: at the end |
//! | d | one row and one created event per owner and per sub-owner, of those whom the log or a hand named | always; all of them: at the end |
//! | e | the latest status is the greatest by (`status_at`, `enqueued_at`, partition, number) | always |

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::message::Expected;
use super::tables::{PartitionRow, StatusRow, Tables};
use super::truth::{LoggedEvent, Place, Truth};

/// RFC 3986's unreserved characters stay as they are.
const SUBJECT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(crate) struct Ledger {
    tables: Tables,
    /// By stream.
    truths: BTreeMap<i64, Truth>,
    by_hand: BTreeSet<String>,
}

impl Ledger {
    /// Of a single stream.
    pub(crate) fn new(tables: Tables, truth: Truth) -> Self {
        let streams: BTreeSet<_> = tables.partitions.iter().map(|row| row.stream_id).collect();
        assert!(streams.len() <= 1, "one stream is expected: {streams:?}");
        let stream_id = streams.into_iter().next().unwrap_or(1);
        Self::of_streams(tables, BTreeMap::from([(stream_id, truth)]))
    }

    pub(crate) fn of_streams(tables: Tables, truths: BTreeMap<i64, Truth>) -> Self {
        Self {
            tables,
            truths,
            by_hand: BTreeSet::new(),
        }
    }

    /// Owners whom the API was asked to create.
    pub(crate) fn by_hand(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.by_hand.extend(ids);
        self
    }

    /// What must hold at every moment.
    pub(crate) fn holds_so_far(&self) {
        for row in &self.tables.partitions {
            self.adds_up(row);
            self.each_number_is_in_one_place(row);
        }
        self.rows_are_what_the_log_says();
        self.roll_is_announced_once();
        self.roll_is_not_invented();
        self.latest_is_the_greatest();
    }

    /// What must hold when everything was read.
    pub(crate) fn holds_at_the_end(&self) {
        self.holds_so_far();
        for (stream_id, truth) in &self.truths {
            let checkpoints: BTreeMap<_, _> = self
                .partitions(*stream_id)
                .filter(|row| row.checkpoint >= row.first)
                .map(|row| (row.partition_id, row.checkpoint))
                .collect();
            assert_eq!(checkpoints, truth.last_numbers(), "stream {stream_id}");
            self.nothing_is_missing(*stream_id, truth);
        }
        self.roll_is_complete();
    }

    fn partitions(&self, stream_id: i64) -> impl Iterator<Item = &PartitionRow> {
        let rows = self.tables.partitions.iter();
        rows.filter(move |row| row.stream_id == stream_id)
    }

    /// (a)
    fn adds_up(&self, row: &PartitionRow) {
        let key = (row.stream_id, row.partition_id);
        let here = |stream_id, (partition_id, _): Place| (stream_id, partition_id) == key;
        let statuses = self.tables.statuses.iter();
        let stored = count(statuses.filter(|it| here(it.stream_id, it.place)));
        let held = count(self.tables.held.iter().filter(|it| here(it.0, it.1)));
        let dead = count(
            self.tables
                .dead
                .iter()
                .filter(|it| here(it.stream_id, it.place)),
        );
        assert_eq!(
            (stored, held, dead),
            (row.stored, row.held, row.dead),
            "(a) the totals of {row:?}"
        );
        let dropped: i64 = row.dropped.values().sum();
        let gaps: i64 = self.gaps(row).map(|(after, upto)| upto - after).sum();
        let accounted = stored + held + dead + dropped + gaps;
        assert_eq!(
            accounted,
            row.checkpoint + 1 - row.first,
            "(a) the sum of {row:?}"
        );
    }

    fn gaps(&self, row: &PartitionRow) -> impl Iterator<Item = (i64, i64)> {
        let key = (row.stream_id, row.partition_id);
        let gaps = self.tables.gaps.iter();
        gaps.filter(move |gap| (gap.stream_id, gap.partition_id) == key)
            .map(|gap| (gap.after, gap.upto))
    }

    /// (b)
    fn each_number_is_in_one_place(&self, row: &PartitionRow) {
        let key = (row.stream_id, row.partition_id);
        let number = |stream_id, (partition_id, number): Place| {
            ((stream_id, partition_id) == key).then_some(number)
        };
        let statuses = self
            .tables
            .statuses
            .iter()
            .filter_map(|it| number(it.stream_id, it.place));
        let dead = self
            .tables
            .dead
            .iter()
            .filter_map(|it| number(it.stream_id, it.place));
        let held = self.tables.held.iter().filter_map(|it| number(it.0, it.1));
        let gaps = self.gaps(row).flat_map(|(after, upto)| after + 1..=upto);
        let mut numbers: Vec<_> = statuses.chain(dead).chain(held).chain(gaps).collect();
        numbers.sort_unstable();
        let twice: Vec<_> = numbers
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .collect();
        assert!(
            twice.is_empty(),
            "(b) numbers in two places of {row:?}: {twice:?}"
        );
        if row.dropped.values().all(|count| *count == 0) {
            let all: Vec<_> = (row.first..=row.checkpoint).collect();
            assert!(numbers == all, "(b) numbers of {row:?}: {numbers:?}");
        }
    }

    fn logged(&self, stream_id: i64, place: Place) -> &LoggedEvent {
        let event = self
            .truths
            .get(&stream_id)
            .and_then(|truth| truth.events.get(&place));
        event.unwrap_or_else(|| panic!("(c) {place:?} of stream {stream_id} is not in the log"))
    }

    /// (c), of the rows that are there.
    fn rows_are_what_the_log_says(&self) {
        for row in &self.tables.statuses {
            let event = self.logged(row.stream_id, row.place);
            let Expected::Status(reading) = &event.expected else {
                panic!("(c) {row:?} should be a dead letter");
            };
            assert_eq!(row.owner_id, reading.owner_id, "(c) {row:?}");
            assert_eq!(row.sub_owner_id, reading.sub_owner_id, "(c) {row:?}");
            assert_eq!(row.data, reading.data, "(c) {row:?}");
            assert_eq!(
                row.enqueued_at,
                event.enqueued_at.to_string(),
                "(c) {row:?}"
            );
            assert_eq!(row.status_at, reading.status_at.to_string(), "(c) {row:?}");
        }
        for row in &self.tables.dead {
            let event = self.logged(row.stream_id, row.place);
            assert_eq!(
                event.expected,
                Expected::Dead,
                "(c) {row:?} should be a status"
            );
            assert_eq!(row.body, event.body, "(c) the body of {row:?}");
        }
    }

    /// (c), of every event of the log.
    fn nothing_is_missing(&self, stream_id: i64, truth: &Truth) {
        let statuses = self.tables.statuses.iter();
        let statuses = count(statuses.filter(|row| row.stream_id == stream_id));
        assert_eq!(
            statuses,
            count(truth.readings()),
            "(c) statuses of stream {stream_id}"
        );
        let dead = self
            .tables
            .dead
            .iter()
            .filter(|row| row.stream_id == stream_id);
        assert_eq!(
            count(dead),
            count(truth.dead()),
            "(c) dead letters of stream {stream_id}"
        );
    }

    fn named_owners(&self) -> BTreeSet<&str> {
        let by_stream = self.truths.values().flat_map(Truth::readings);
        by_stream
            .map(|(_, _, reading)| reading.owner_id.as_str())
            .chain(self.by_hand.iter().map(String::as_str))
            .collect()
    }

    fn named_sub_owners(&self) -> BTreeSet<(&str, &str)> {
        let by_stream = self.truths.values().flat_map(Truth::readings);
        by_stream
            .map(|(_, _, reading)| (reading.owner_id.as_str(), reading.sub_owner_id.as_str()))
            .collect()
    }

    /// (d), of the rows that are there. Ids are keys, so that rows cannot be there twice; that a
    /// status has its owner and sub-owner on the roll is checked here, too.
    fn roll_is_announced_once(&self) {
        let owners = self.tables.owners.keys().map(|id| encoded(id));
        let owners = owners.map(|subject| ("rollcall.owner.created", subject));
        let sub_owners = self.tables.sub_owners.iter();
        let sub_owners =
            sub_owners.map(|(owner, sub)| format!("{}/{}", encoded(owner), encoded(sub)));
        let sub_owners = sub_owners.map(|subject| ("rollcall.sub_owner.created", subject));
        let mut due: Vec<_> = owners.chain(sub_owners).collect();
        due.sort_unstable();
        let announced = self.tables.announced.iter();
        let mut announced: Vec<_> = announced
            .filter(|(kind, _)| kind.ends_with(".created"))
            .map(|(kind, subject)| (kind.as_str(), subject.clone()))
            .collect();
        announced.sort_unstable();
        same(&announced, &due, "(d) announcements");
        let entered: BTreeSet<_> = self.tables.sub_owners.iter().cloned().collect();
        for row in &self.tables.statuses {
            let who = (row.owner_id.clone(), row.sub_owner_id.clone());
            assert!(entered.contains(&who), "(d) nobody entered {who:?}");
        }
    }

    fn roll_is_not_invented(&self) {
        let owners: BTreeSet<_> = self.tables.owners.keys().map(String::as_str).collect();
        let invented: Vec<_> = owners.difference(&self.named_owners()).copied().collect();
        assert!(
            invented.is_empty(),
            "(d) owners whom nobody named: {invented:?}"
        );
        let named = self.named_sub_owners();
        let sub_owners = self.tables.sub_owners.iter();
        let invented: Vec<_> = sub_owners
            .filter(|(owner, sub)| !named.contains(&(owner.as_str(), sub.as_str())))
            .collect();
        assert!(
            invented.is_empty(),
            "(d) sub-owners whom nobody named: {invented:?}"
        );
    }

    fn roll_is_complete(&self) {
        let owners: BTreeSet<_> = self.tables.owners.keys().map(String::as_str).collect();
        assert_eq!(owners, self.named_owners(), "(d) owners");
        let sub_owners = self.tables.sub_owners.iter();
        let sub_owners: BTreeSet<_> = sub_owners
            .map(|(owner, sub)| (owner.as_str(), sub.as_str()))
            .collect();
        assert_eq!(sub_owners, self.named_sub_owners(), "(d) sub-owners");
    }

    /// (e)
    fn latest_is_the_greatest(&self) {
        let mut greatest: BTreeMap<(&str, &str), &StatusRow> = BTreeMap::new();
        for row in &self.tables.statuses {
            let newest = greatest
                .entry((&row.owner_id, &row.sub_owner_id))
                .or_insert(row);
            if rank(row) > rank(newest) {
                *newest = row;
            }
        }
        let mut latest: Vec<_> = self.tables.latest.iter().collect();
        latest.sort_unstable_by_key(|row| (&row.owner_id, &row.sub_owner_id));
        let due: Vec<_> = greatest.into_values().collect();
        same(&latest, &due, "(e) latest statuses");
    }
}

/// Times are texts of fixed width, so that their order is that of the times. A later generation
/// has later times.
fn rank(row: &StatusRow) -> (&str, &str, Place) {
    (&row.status_at, &row.enqueued_at, row.place)
}

/// Like `assert_eq`, but it shows only the first difference of long lists.
fn same<T: PartialEq + std::fmt::Debug>(found: &[T], due: &[T], what: &str) {
    let different = found.iter().zip(due).find(|(found, due)| found != due);
    assert!(
        different.is_none(),
        "{what}: found and due differ first at {different:?}"
    );
    assert_eq!(found.len(), due.len(), "{what}: how many");
}

fn encoded(id: &str) -> String {
    utf8_percent_encode(id, SUBJECT).to_string()
}

fn count<T>(rows: impl Iterator<Item = T>) -> i64 {
    i64::try_from(rows.count()).unwrap()
}
