//! The replay: events that the checkpoint has passed, read once more, and stored where they are
//! missing.
//!
//! Each chunk is a transaction of its own. What is stored, held or dead already is told by (stream,
//! partition, sequence number) within it; what is left goes by the state in which the transaction
//! finds its owner, as in a commit. Neither checkpoint nor lease is touched, so that live reading
//! goes on beside it; a number beyond the checkpoint is refused, because it is live reading's.
//!
//! The totals stay what they were, for every number has been accounted for. A row that is added
//! although no total counts it (its event was dropped, or lay in a gap) is counted in `replayed`; a
//! row that a total counts and that was lost behind the store's back is only put back. How many
//! were lost is counted when a replay begins ([`Store::replay_basis`]). Two replays of one partition
//! never work on the same basis: each chunk that stores something moves `replays`, and a chunk whose
//! basis is an older one is refused.

mod sift;

use std::sync::Arc;

use rollcall_model::{DropReason, Drops, PartitionId, SequenceNumber, Status, StreamId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::store::{Backend, Operation};
use crate::{Error, Store, postgres, sqlite};

pub(crate) use sift::{Place, Sifted, beyond, route, sift};

/// What a replay of a partition begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayBasis {
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    /// The first number that the stream accounts for.
    pub first: SequenceNumber,
    /// The checkpoint: nothing beyond it is replayed.
    pub position: SequenceNumber,
    /// Rows that the totals count and `statuses` does not have.
    pub lost: u64,
    /// The replays so far.
    pub replays: i64,
}

/// Consecutive events of a partition, with what would become of each if it were read now.
#[derive(Debug, Clone, Default)]
pub struct ReplayChunk {
    /// To be stored, if they are not there.
    pub statuses: Vec<Status>,
    /// By number.
    pub unstored: Vec<(SequenceNumber, Timestamp, Unstored)>,
}

/// Why an event is not for `statuses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstored {
    /// Its owner is pending.
    Pending,
    Dropped(DropReason),
    Undecodable,
}

/// What became of replayed events: each is counted once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct ReplayCounts {
    /// Added to `statuses`; by a dry run: would be.
    pub stored: u64,
    /// In `statuses` already.
    pub already_stored: u64,
    /// In `held_statuses` already.
    pub held: u64,
    /// A dead letter already.
    pub dead: u64,
    /// Not there, and not decodable.
    pub undecodable: u64,
    /// Not there, and not stored because the owner is pending: replay again once it is approved.
    pub pending: u64,
    /// Not there, and not stored by policy.
    pub dropped: Drops,
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayMode {
    Store,
    /// Counts what [`ReplayMode::Store`] would do. An owner that is not on the roll counts as
    /// active: a replay would enter it.
    DryRun,
}

/// What became of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayAnswer {
    /// With the basis for the next chunk.
    Done(ReplayCounts, ReplayBasis),
    /// Another replay of the partition has stored something since this one began.
    Superseded,
    /// A number lies beyond the checkpoint, or before the first that the stream accounts for.
    OutOfRange,
}

impl ReplayCounts {
    pub fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.already_stored += other.already_stored;
        self.held += other.held;
        self.dead += other.dead;
        self.undecodable += other.undecodable;
        self.pending += other.pending;
        self.dropped.merge(&other.dropped);
    }

    /// All events.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.stored
            + self.already_stored
            + self.held
            + self.dead
            + self.undecodable
            + self.pending
            + self.dropped.total()
    }
}

impl ReplayChunk {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statuses.is_empty() && self.unstored.is_empty()
    }

    /// The least and the greatest number, and the same of the times; `None` of an empty chunk.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        let statuses = self.statuses.iter();
        let places = statuses
            .map(|status| (status.sequence_number, status.enqueued_at))
            .chain(self.unstored.iter().map(|(number, at, _)| (*number, *at)));
        places.fold(None, |bounds: Option<Bounds>, (number, at)| {
            let bounds = bounds.unwrap_or(Bounds {
                first: number,
                last: number,
                from: at,
                to: at,
            });
            Some(Bounds {
                first: bounds.first.min(number),
                last: bounds.last.max(number),
                from: bounds.from.min(at),
                to: bounds.to.max(at),
            })
        })
    }
}

/// Between which numbers and times (both inclusive) a chunk lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) first: SequenceNumber,
    pub(crate) last: SequenceNumber,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl ReplayBasis {
    pub(crate) fn covers(&self, bounds: &Bounds) -> bool {
        self.first <= bounds.first && bounds.last <= self.position
    }
}

impl Store {
    /// What a replay of the partition begins with; `None` if the partition was never begun. Counts
    /// the partition's statuses, unless it is certain without that which of them were lost: as long
    /// as a check of `doctor`.
    ///
    /// # Errors
    /// As every transaction, by [`crate::Kind`].
    pub async fn replay_basis(
        &self,
        stream_id: StreamId,
        partition_id: PartitionId,
    ) -> Result<Option<ReplayBasis>, Error> {
        let operation = Operation::read("replay_basis", format!("of partition {partition_id}"));
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => {
                    sqlite::replay::basis(database, stream_id, partition_id).await
                }
                Backend::Postgres(database) => {
                    postgres::replay::basis(database, stream_id, partition_id).await
                }
            }
        })
        .await
    }

    /// Stores what is missing of the chunk, in one transaction.
    ///
    /// # Errors
    /// [`crate::Kind::Defect`] if a status is of an owner that is not on the roll; otherwise by
    /// [`crate::Kind`]. Nothing of the chunk is stored then, unless the answer to COMMIT was lost;
    /// the same again never stores anything twice.
    pub async fn replay(
        &self,
        basis: ReplayBasis,
        chunk: ReplayChunk,
        mode: ReplayMode,
    ) -> Result<ReplayAnswer, Error> {
        let about = format!("of partition {}", basis.partition_id);
        let operation = match mode {
            ReplayMode::Store => Operation::write("replay", about),
            ReplayMode::DryRun => Operation::read("dry_run_replay", about),
        };
        let chunk = Arc::new(chunk);
        self.call(operation, move |backend| {
            let chunk = Arc::clone(&chunk);
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::replay::replay(database, basis, &chunk, mode).await
                    }
                    Backend::Postgres(database) => {
                        postgres::replay::replay(database, basis, &chunk, mode).await
                    }
                }
            }
        })
        .await
    }

    /// Accepts that what is missing up to this number is lost: a reader that `source.on_gap = stop`
    /// has stopped passes gaps that end at or before it. `false`: there is no such partition.
    ///
    /// # Errors
    /// As every writing transaction, by [`crate::Kind`].
    pub async fn accept_gap(
        &self,
        stream_id: StreamId,
        partition_id: PartitionId,
        upto: SequenceNumber,
    ) -> Result<bool, Error> {
        let operation = Operation::write("accept_gap", format!("of {partition_id} upto {upto}"));
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => {
                    sqlite::replay::accept_gap(database, stream_id, partition_id, upto).await
                }
                Backend::Postgres(database) => {
                    postgres::replay::accept_gap(database, stream_id, partition_id, upto).await
                }
            }
        })
        .await
    }
}
