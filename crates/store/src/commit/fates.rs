//! Where each row of a group goes, by the state in which the transaction found its owner.
//!
//! | owner | a status | a held status |
//! |---|---|---|
//! | `active` | stored | stored, calibrated by the owner's current settings |
//! | `pending` | held, while there is room; otherwise a drop of the reason that the policy has | the same |
//! | `blocked`, `deleted` | drop of that reason | drop of that reason |
//!
//! A directory may be stale by seconds; this is what makes a change count all the same.

use std::cmp::Ordering;
use std::collections::HashMap;

use rollcall_model::{
    Calibrated, DropReason, Drops, OwnerId, OwnerState, Settings, Status, SubOwnerId, Timestamp,
};

use super::Batch;
use crate::PendingStatuses;
use crate::fault::{Fault, Result};

/// An owner as the transaction found it.
#[derive(Debug, Clone)]
pub(crate) struct OwnerStanding {
    pub(crate) state: OwnerState,
    pub(crate) version: i64,
    /// Loaded only where held rows may have to be calibrated.
    pub(crate) settings: Option<Settings>,
    /// While it is pending.
    pub(crate) room: Room,
}

/// How many more statuses of a pending owner are held, and what becomes of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) left: u64,
    pub(crate) beyond: DropReason,
}

impl Room {
    /// For whoever only asks where rows would go.
    pub(crate) const WIDE: Self = Self {
        left: u64::MAX,
        beyond: DropReason::HeldLimit,
    };

    /// By what is held of the owner so far.
    pub(crate) fn beside(held: u64, policy: PendingStatuses) -> Self {
        match policy {
            PendingStatuses::Hold { per_owner } => Self {
                left: per_owner.saturating_sub(held),
                beyond: DropReason::HeldLimit,
            },
            PendingStatuses::Drop => Self {
                left: 0,
                beyond: DropReason::Pending,
            },
        }
    }

    fn take(&mut self) -> bool {
        let taken = self.left > 0;
        self.left -= u64::from(taken);
        taken
    }
}

/// A row with the batch that it came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'b> {
    pub(crate) batch: &'b Batch,
    pub(crate) status: &'b Status,
    pub(crate) value: Option<f64>,
    pub(crate) version: i64,
    /// Index of the batch among the due ones.
    index: usize,
    held: bool,
}

/// What a batch adds to its partition's totals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) stored: u64,
    pub(crate) held: u64,
    pub(crate) dead: u64,
    pub(crate) gaps: u64,
    pub(crate) drops: Drops,
}

/// Statuses and held statuses of the due batches, in the order of the index by which they are read:
/// rows of one key lie together, the newest last.
pub(crate) struct Rows<'b>(Vec<Row<'b>>);

/// Where the rows go.
pub(crate) struct Fates<'b> {
    /// In the order of the index.
    pub(crate) stored: Vec<Row<'b>>,
    pub(crate) held: Vec<Row<'b>>,
    /// One per due batch.
    pub(crate) totals: Vec<Totals>,
}

impl<'b> Row<'b> {
    fn key(&self) -> (&'b OwnerId, &'b SubOwnerId) {
        (&self.status.owner_id, &self.status.sub_owner_id)
    }

    /// By which one status is newer than another.
    fn recency(&self) -> (Timestamp, Timestamp, u32, i64) {
        let status = self.status;
        (
            status.status_at,
            status.enqueued_at,
            self.batch.partition_id.0,
            status.sequence_number.0,
        )
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.key(), self.recency()).cmp(&(other.key(), other.recency()))
    }
}

impl<'b> Rows<'b> {
    pub(crate) fn of(due: &[&'b Batch]) -> Self {
        let mut rows =
            Vec::with_capacity(due.iter().map(|b| b.statuses.len() + b.held.len()).sum());
        for (index, batch) in due.iter().copied().enumerate() {
            let row = |held| {
                move |status: &'b Status| Row {
                    batch,
                    status,
                    value: status.value,
                    version: status.version,
                    index,
                    held,
                }
            };
            rows.extend(batch.statuses.iter().map(row(false)));
            rows.extend(batch.held.iter().map(row(true)));
        }
        rows.sort_unstable_by(Row::order);
        Self(rows)
    }

    /// Every owner once, ascending.
    pub(crate) fn owners(&self) -> Vec<&'b OwnerId> {
        distinct(self.0.iter())
    }

    /// The owners of held rows, each once, ascending.
    pub(crate) fn owners_of_held(&self) -> Vec<&'b OwnerId> {
        distinct(self.0.iter().filter(|row| row.held))
    }

    /// When each row was enqueued.
    pub(crate) fn enqueued(&self) -> impl Iterator<Item = Timestamp> + '_ {
        self.0.iter().map(|row| row.status.enqueued_at)
    }

    /// Sends every row its way. `due` are the batches of [`Rows::of`].
    ///
    /// # Errors
    /// [`crate::Kind::Defect`] if an owner is not on the roll.
    pub(crate) fn route(
        self,
        due: &[&'b Batch],
        owners: &HashMap<OwnerId, OwnerStanding>,
    ) -> Result<Fates<'b>> {
        let mut fates = Fates {
            stored: Vec::with_capacity(self.0.len()),
            held: Vec::new(),
            totals: due
                .iter()
                .map(|batch| Totals::without_rows(batch))
                .collect(),
        };
        // Rows of one owner lie together: one look-up for all of them.
        for rows in self
            .0
            .chunk_by(|a, b| a.status.owner_id == b.status.owner_id)
        {
            let owner_id = &rows[0].status.owner_id;
            let owner = owners
                .get(owner_id)
                .ok_or_else(|| Fault::defect(format!("the owner {owner_id} is not on the roll")))?;
            let mut room = owner.room;
            rows.iter()
                .for_each(|row| fates.send(*row, owner, &mut room));
        }
        Ok(fates)
    }
}

fn distinct<'b, 'r>(rows: impl Iterator<Item = &'r Row<'b>>) -> Vec<&'b OwnerId>
where
    'b: 'r,
{
    let mut owners: Vec<_> = rows.map(|row| &row.status.owner_id).collect();
    owners.dedup();
    owners
}

impl<'b> Fates<'b> {
    fn send(&mut self, mut row: Row<'b>, owner: &OwnerStanding, room: &mut Room) {
        let totals = &mut self.totals[row.index];
        match owner.state {
            OwnerState::Active => {
                if row.held {
                    row.calibrate(owner);
                }
                totals.stored += 1;
                self.stored.push(row);
            }
            OwnerState::Pending if room.take() => {
                totals.held += 1;
                self.held.push(row);
            }
            OwnerState::Pending => totals.drops.add(room.beyond, 1),
            OwnerState::Blocked => totals.drops.add(DropReason::Blocked, 1),
            OwnerState::Deleted => totals.drops.add(DropReason::Deleted, 1),
        }
    }

    /// How many statuses are held, by owner; ascending.
    pub(crate) fn held_by_owner(&self) -> Vec<(&'b OwnerId, u64)> {
        let owners = self
            .held
            .chunk_by(|a, b| a.status.owner_id == b.status.owner_id);
        owners
            .map(|rows| (&rows[0].status.owner_id, rows.len() as u64))
            .collect()
    }

    /// The newest status of each (owner, sub-owner), by key.
    pub(crate) fn latest(&self) -> Vec<Row<'b>> {
        self.stored
            .chunk_by(|a, b| a.key() == b.key())
            .filter_map(|rows| rows.last().copied())
            .collect()
    }
}

impl Row<'_> {
    /// A number that no database could hold leaves the value null: the raw text is kept.
    fn calibrate(&mut self, owner: &OwnerStanding) {
        let sub_owner_id = &self.status.sub_owner_id;
        let calibrated = owner.settings.as_ref().map(|settings| {
            settings
                .calibration_of(sub_owner_id)
                .apply(&self.status.data)
        });
        self.value = match calibrated {
            Some(Calibrated::Value(value)) => Some(value),
            _ => None,
        };
        self.version = owner.version;
    }
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.held += other.held;
        self.dead += other.dead;
        self.gaps += other.gaps;
        self.drops.merge(&other.drops);
    }

    /// What the batch adds whatever becomes of its rows.
    fn without_rows(batch: &Batch) -> Self {
        Self {
            dead: u64::try_from(batch.dead.len()).unwrap_or(u64::MAX),
            gaps: batch.gaps.iter().map(|gap| gap.span.len()).sum(),
            drops: batch.drops.clone(),
            ..Self::default()
        }
    }
}
