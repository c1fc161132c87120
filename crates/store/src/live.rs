//! What is committed, shown to whoever listens while it happens.
//!
//! Invariants:
//! - a commit waits for no listener: what does not fit a listener's bounds is counted as passed
//!   over, and costs no copy;
//! - only what was committed is shown, with the value and version with which it was stored; what an
//!   earlier try turns out to have stored is not (the answer was lost, and with it the moment);
//! - what other nodes commit comes through the database (`postgres/live_feed.rs`), and only while
//!   somebody listens.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rollcall_model::{OwnerId, SubOwnerId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Notify;

use crate::commit::fates::Row;
use crate::store::Backend;
use crate::{StatusRow, Store};

/// Rows that wait for one listener: a screen or two.
const MAX_ROWS: usize = 256;
/// Bytes of their data: one row may have a megabyte.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Which statuses a listener wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LiveFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<OwnerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_owner_id: Option<SubOwnerId>,
}

/// What came since a listener last looked.
#[derive(Debug, Default)]
pub struct LiveRows {
    pub rows: Vec<StatusRow>,
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
    rows: VecDeque<StatusRow>,
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

impl LiveStatuses {
    /// Waits for rows, and takes all that wait. Nothing is lost if the waiting is given up.
    pub async fn next(&self) -> LiveRows {
        loop {
            let arrived = self.0.arrived.notified();
            if let Some(rows) = self.0.take() {
                return rows;
            }
            arrived.await;
        }
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

    fn show(&self, rows: &[Row<'_>]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows.iter().filter(|row| self.filter.wants(row)) {
            waiting.push(row.status.data.len(), || shown(row));
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// What another node has let through for this filter.
    fn show_others(&self, others: &LiveRows) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &others.rows {
            waiting.push(row.data.get().len(), || Some(row.clone()));
        }
        waiting.passed_over += others.passed_over;
        drop(waiting);
        self.arrived.notify_one();
    }
}

impl Waiting {
    fn push(&mut self, data_bytes: usize, row: impl FnOnce() -> Option<StatusRow>) {
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

/// `None` never happens to data that was decoded as JSON.
fn shown(row: &Row<'_>) -> Option<StatusRow> {
    let status = row.status;
    Some(StatusRow {
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
    })
}

impl Live {
    /// Shows rows that have just been committed.
    pub(crate) fn show(&self, rows: &[Row<'_>]) {
        for seats in [&self.listeners, &self.taps] {
            for seat in present(seats) {
                seat.show(rows);
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
    /// same PostgreSQL within a second. Each listener has room for 256 rows and 4 MiB of their data.
    #[must_use]
    pub fn live_statuses(&self, filter: LiveFilter) -> LiveStatuses {
        match self.backend() {
            Backend::Sqlite(database) => database.live().listen(filter),
            Backend::Postgres(database) => database.listen_live(filter, self.runtime()),
        }
    }
}
