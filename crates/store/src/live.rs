//! What is committed, shown to whoever listens while it happens.
//!
//! Invariants:
//! - a commit waits for no listener: what does not fit a listener's bounds is counted as passed
//!   over, and costs no copy;
//! - a row that several see is made into text once, and one that nobody has room for never;
//! - only what was committed is shown, with the value and version with which it was stored; what an
//!   earlier try turns out to have stored is not (the answer was lost, and with it the moment);
//! - what other nodes commit comes through the database (`postgres/live_feed.rs`), and only while
//!   somebody listens.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rollcall_model::{OwnerId, SubOwnerId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Notify;

use crate::commit::fates::Row;
use crate::store::Backend;
use crate::{StatusRow, Store};

/// Rows that wait for one listener: a screen or two.
const MAX_ROWS: usize = 100;
/// Bytes of their data, of other nodes' rows with the rest of the JSON: one may have a megabyte.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Which statuses a listener wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LiveFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<OwnerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_owner_id: Option<SubOwnerId>,
}

/// A status as the API shows it, the JSON of a [`StatusRow`], shared by all who see it.
#[derive(Debug, Clone)]
pub struct LiveRow(Arc<RawValue>);

/// What came since a listener last looked.
#[derive(Debug, Default)]
pub struct LiveRows {
    pub rows: Vec<LiveRow>,
    /// Statuses that the filter let through and that found no room, after `rows`.
    pub passed_over: u64,
}

/// A listener's seat; leaving it is dropping it.
#[derive(Debug)]
pub struct LiveStatuses(Arc<Seat>);

#[derive(Debug)]
struct Seat {
    filter: LiveFilter,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    rows: VecDeque<LiveRow>,
    bytes: usize,
    passed_over: u64,
}

/// Everybody who listens.
#[derive(Debug, Default)]
pub(crate) struct Live {
    listeners: Mutex<Vec<Weak<Seat>>>,
    /// Of other nodes: they get what this process commits, and nothing that came from elsewhere.
    taps: Mutex<Vec<Weak<Seat>>>,
}

impl LiveRow {
    #[must_use]
    pub fn json(&self) -> &str {
        self.0.get()
    }

    pub(crate) fn raw(&self) -> &RawValue {
        &self.0
    }
}

impl From<Box<RawValue>> for LiveRow {
    fn from(json: Box<RawValue>) -> Self {
        Self(json.into())
    }
}

impl LiveStatuses {
    /// Waits for rows, and takes all that wait. Nothing is lost if the waiting is given up.
    pub async fn next(&self) -> LiveRows {
        loop {
            let arrived = self.0.arrived.notified();
            if let Some(rows) = self.take() {
                return rows;
            }
            arrived.await;
        }
    }

    /// All that wait, if any do.
    pub(crate) fn take(&self) -> Option<LiveRows> {
        self.0.take()
    }
}

impl Seat {
    fn take(&self) -> Option<LiveRows> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *waiting);
        (!taken.rows.is_empty() || taken.passed_over > 0).then(|| LiveRows {
            rows: taken.rows.into(),
            passed_over: taken.passed_over,
        })
    }

    /// Of these rows, which are of the owner that it wants to see.
    fn show<'r>(&self, rows: impl Iterator<Item = &'r Shown<'r>>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waiting.count();
        for row in rows.filter(|row| self.filter.wants(row.row)) {
            waiting.push(row.row.status.data.len(), || row.text());
        }
        let came = waiting.count() > before;
        drop(waiting);
        if came {
            self.arrived.notify_one();
        }
    }

    /// What another node has let through for this filter.
    fn show_others(&self, others: &LiveRows) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &others.rows {
            waiting.push(row.json().len(), || Some(row.clone()));
        }
        waiting.passed_over += others.passed_over;
        drop(waiting);
        self.arrived.notify_one();
    }
}

impl Waiting {
    fn count(&self) -> u64 {
        self.passed_over + u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    fn push(&mut self, data_bytes: usize, row: impl FnOnce() -> Option<LiveRow>) {
        let bytes = self.bytes.saturating_add(data_bytes);
        // Once something was passed over, the rest is too: gaps lie behind the rows, not in them.
        let full = self.passed_over > 0 || self.rows.len() == MAX_ROWS || bytes > MAX_BYTES;
        let row = if full { None } else { row() };
        match row {
            Some(row) => {
                self.rows.push_back(row);
                self.bytes = bytes;
            }
            None => self.passed_over += 1,
        }
    }
}

impl LiveFilter {
    fn wants(&self, row: &Row<'_>) -> bool {
        let (owner_id, sub_owner_id) = (&row.status.owner_id, &row.status.sub_owner_id);
        self.owner_id.as_ref().is_none_or(|it| it == owner_id)
            && self
                .sub_owner_id
                .as_ref()
                .is_none_or(|it| it == sub_owner_id)
    }
}

/// A row that was just committed, and its text once somebody has room for it.
struct Shown<'r> {
    row: &'r Row<'r>,
    text: OnceCell<Option<LiveRow>>,
}

impl<'r> Shown<'r> {
    fn new(row: &'r Row<'r>) -> Self {
        Self {
            row,
            text: OnceCell::new(),
        }
    }

    fn text(&self) -> Option<LiveRow> {
        self.text.get_or_init(|| live_row(self.row)).clone()
    }
}

/// `None` never happens to data that was decoded as JSON.
fn live_row(row: &Row<'_>) -> Option<LiveRow> {
    let status = row.status;
    let row = StatusRow {
        owner_id: status.owner_id.clone(),
        sub_owner_id: status.sub_owner_id.clone(),
        stream_id: row.batch.stream_id,
        partition_id: row.batch.partition_id,
        sequence_number: status.sequence_number,
        enqueued_at: status.enqueued_at,
        status_at: status.status_at,
        data: RawValue::from_string(status.data.to_string()).ok()?,
        value: row.value,
        version: row.version,
    };
    to_raw_value(&row).ok().map(LiveRow::from)
}

impl Live {
    /// Shows rows that have just been committed.
    pub(crate) fn show(&self, rows: &[Row<'_>]) {
        let seats = [present(&self.listeners), present(&self.taps)].concat();
        if seats.is_empty() {
            return;
        }
        let rows: Vec<_> = rows.iter().map(Shown::new).collect();
        let of_owners = of_owners(&seats, &rows);
        for seat in &seats {
            match &seat.filter.owner_id {
                Some(owner_id) => seat.show(of_owners[owner_id].iter().copied()),
                None => seat.show(rows.iter()),
            }
        }
    }

    /// Shows what another node has committed to those who listen by that filter.
    pub(crate) fn show_others(&self, filter: &LiveFilter, others: &LiveRows) {
        let seats = present(&self.listeners).into_iter();
        for seat in seats.filter(|seat| seat.filter == *filter) {
            seat.show_others(others);
        }
    }

    pub(crate) fn listen(&self, filter: LiveFilter) -> LiveStatuses {
        take_seat(&self.listeners, filter)
    }

    /// On another node's behalf.
    pub(crate) fn tap(&self, filter: LiveFilter) -> LiveStatuses {
        take_seat(&self.taps, filter)
    }

    /// What those who listen want to see.
    pub(crate) fn wanted(&self) -> HashSet<LiveFilter> {
        let seats = present(&self.listeners).into_iter();
        seats.map(|seat| seat.filter.clone()).collect()
    }
}

/// The rows of each owner that a seat is kept for. Each row is looked at once, however many seats.
fn of_owners<'s, 'r>(
    seats: &'s [Arc<Seat>],
    rows: &'r [Shown<'r>],
) -> HashMap<&'s OwnerId, Vec<&'r Shown<'r>>> {
    let wanted = seats
        .iter()
        .filter_map(|seat| seat.filter.owner_id.as_ref());
    let mut of_owners: HashMap<_, _> = wanted.map(|owner_id| (owner_id, Vec::new())).collect();
    if !of_owners.is_empty() {
        for row in rows {
            if let Some(of_owner) = of_owners.get_mut(&row.row.status.owner_id) {
                of_owner.push(row);
            }
        }
    }
    of_owners
}

fn take_seat(seats: &Mutex<Vec<Weak<Seat>>>, filter: LiveFilter) -> LiveStatuses {
    let seat = Arc::new(Seat {
        filter,
        waiting: Mutex::default(),
        arrived: Notify::new(),
    });
    let mut seats = seats.lock().unwrap_or_else(PoisonError::into_inner);
    seats.push(Arc::downgrade(&seat));
    LiveStatuses(seat)
}

/// Whoever is gone has left the list afterwards.
fn present(seats: &Mutex<Vec<Weak<Seat>>>) -> Vec<Arc<Seat>> {
    let mut seats = seats.lock().unwrap_or_else(PoisonError::into_inner);
    seats.retain(|seat| seat.strong_count() > 0);
    seats.iter().filter_map(Weak::upgrade).collect()
}

impl Store {
    /// The statuses that are committed from now on, by this process at once and by other nodes on the
    /// same PostgreSQL within a second. Each listener has room for 100 rows and 4 MiB of their data.
    #[must_use]
    pub fn live_statuses(&self, filter: LiveFilter) -> LiveStatuses {
        match self.backend() {
            Backend::Sqlite(database) => database.live().listen(filter),
            Backend::Postgres(database) => database.listen_live(filter, self.runtime()),
        }
    }
}
