//! Statuses of pending owners, held until somebody decides about the owner.
//!
//! How many are held of each owner stands in `held_counts`, and every transaction that changes the
//! number locks that row right after the owner's: so the limit holds exactly, whoever holds at the
//! same time, and of two that settle one owner the second waits.

use std::collections::{BTreeMap, HashMap, HashSet};

use rollcall_model::{
    DropReason, Drops, Epoch, OwnerId, SequenceNumber, Span, Status, StreamId, SubOwnerId,
    Timestamp,
};
use serde::Serialize;
use uuid::Uuid;

use crate::commit::fates::{OwnerStanding, Totals};
use crate::commit::plan::PartitionKey;
use crate::store::{Backend, Operation};
use crate::{Batch, Error, Store, column, fault, postgres, sqlite};

/// Statuses that one transaction settles: commits of the same owner wait for it.
pub(crate) const CHUNK_ROWS: i64 = 2_000;

/// What becomes of the statuses of pending owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingStatuses {
    /// So many are held of an owner; the others are dropped as `held_limit`.
    Hold { per_owner: u64 },
    /// They are dropped as `pending`.
    Drop,
}

impl Default for PendingStatuses {
    fn default() -> Self {
        Self::Hold { per_owner: 10_000 }
    }
}

/// What became of held statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Settled {
    /// Stored, since their owner is active.
    pub stored: u64,
    /// Dropped, since it is blocked or deleted, or the sub-owner is.
    pub dropped: u64,
}

impl Settled {
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.stored + self.dropped
    }

    pub fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.dropped += other.dropped;
    }
}

/// A held status on its way out, with where it stands.
pub(crate) type HeldRow = (PartitionKey, Status);

/// Stream, partition, number, sub-owner, when it was enqueued and measured, data.
pub(crate) type HeldColumns<T> = (i64, i64, i64, String, T, T, String);

/// # Errors
/// If a column holds what nobody wrote.
pub(crate) fn read<T>(
    owner_id: &OwnerId,
    (stream_id, partition_id, number, sub_owner_id, enqueued_at, status_at, data): HeldColumns<T>,
    time: impl Fn(T) -> fault::Result<Timestamp>,
) -> fault::Result<HeldRow> {
    let key = (StreamId(stream_id), column::partition_id(partition_id)?);
    let status = Status {
        sequence_number: SequenceNumber(number),
        enqueued_at: time(enqueued_at)?,
        status_at: time(status_at)?,
        owner_id: owner_id.clone(),
        sub_owner_id: column::sub_owner_id(&sub_owner_id)?,
        data: data.into(),
        value: None,
        version: 0,
    };
    Ok((key, status))
}

/// Held rows as a batch per partition, in the order of the partitions: no reader's, they only bring
/// the rows to where a commit's go. What is of a deleted sub-owner is dropped.
pub(crate) fn batches(rows: Vec<HeldRow>, deleted: &HashSet<SubOwnerId>) -> Vec<Batch> {
    let mut partitions: BTreeMap<PartitionKey, (Vec<Status>, Drops)> = BTreeMap::new();
    for (key, status) in rows {
        let (held, drops) = partitions.entry(key).or_default();
        if deleted.contains(&status.sub_owner_id) {
            drops.add(DropReason::Deleted, 1);
        } else {
            held.push(status);
        }
    }
    let batch = |((stream_id, partition_id), (held, drops))| Batch {
        stream_id,
        partition_id,
        epoch: Epoch(0),
        incarnation: Uuid::nil(),
        span: Span {
            after: SequenceNumber(-1),
            upto: SequenceNumber(-1),
        },
        statuses: Vec::new(),
        held,
        dead: Vec::new(),
        drops,
        gaps: Vec::new(),
        offset: None,
    };
    partitions.into_iter().map(batch).collect()
}

/// The owner's standing as the rules of a commit want it.
pub(crate) fn standings(
    owner_id: &OwnerId,
    standing: OwnerStanding,
) -> HashMap<OwnerId, OwnerStanding> {
    HashMap::from([(owner_id.clone(), standing)])
}

pub(crate) fn settled(totals: &[Totals]) -> Settled {
    let mut settled = Settled::default();
    for totals in totals {
        settled.add(Settled {
            stored: totals.stored,
            dropped: totals.drops.total(),
        });
    }
    settled
}

impl Store {
    /// Owners that are decided about, and of whom statuses are held still; by id.
    ///
    /// # Errors
    /// As every transaction, by [`crate::Kind`].
    pub async fn owners_to_settle(&self, limit: u32) -> Result<Vec<OwnerId>, Error> {
        let operation = Operation::read("owners_to_settle", "");
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => sqlite::held::to_settle(database, limit).await,
                Backend::Postgres(database) => postgres::held::to_settle(database, limit).await,
            }
        })
        .await
    }

    /// Sends held statuses of the owner to where its state wants them: of an active one they are
    /// stored, calibrated by its current settings, unless their sub-owner is deleted; of a blocked
    /// or deleted one they become drops; of a pending one they stay. At most 2,000 of them, in the
    /// order of their numbers; nothing settled means that nothing is left.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`]. The same again never stores anything twice.
    pub async fn settle_held(&self, owner_id: &OwnerId) -> Result<Settled, Error> {
        let operation = Operation::write("settle_held", format!("of {owner_id}"));
        let owner_id = owner_id.clone();
        self.call(operation, move |backend| {
            let owner_id = owner_id.clone();
            async move {
                fault_settling()?;
                match &*backend {
                    Backend::Sqlite(database) => sqlite::held::settle(database, &owner_id).await,
                    Backend::Postgres(database) => {
                        postgres::held::settle(database, &owner_id).await
                    }
                }
            }
        })
        .await
    }
}

fn fault_settling() -> fault::Result<()> {
    fail::fail_point!("store.settle_held", |_| Err(fault::Fault::new(
        crate::Kind::Unavailable,
        "the fault point store.settle_held is set"
    )));
    Ok(())
}
