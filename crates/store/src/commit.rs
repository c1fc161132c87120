//! The commit: data and checkpoint in one transaction, under the lease's epoch.

use rollcall_model::{
    DeadLetter, Drops, Epoch, PartitionId, SequenceNumber, Span, Status, StreamId,
};
use uuid::Uuid;

/// All that became of the events `(after, upto]` of one partition. Every number of the span is
/// accounted for exactly once: `statuses + held + dead + drops + gaps = span.len()`; a batch that
/// does not add up is refused as a defect before it costs a transaction.
#[derive(Debug, Clone)]
pub struct Batch {
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    /// The lease under which the batch was read.
    pub epoch: Epoch,
    pub incarnation: Uuid,
    pub span: Span,
    pub statuses: Vec<Status>,
    /// Statuses of pending owners, not yet calibrated (`value` is ignored).
    pub held: Vec<Status>,
    pub dead: Vec<DeadLetter>,
    pub drops: Drops,
    pub gaps: Vec<Gap>,
}

/// Numbers that the hub no longer has: `(after, upto]`, within the batch's span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub span: Span,
    pub reason: GapReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Retention took the events before they were read (`retention` in the table).
    Retention,
    /// The numbers jump within what the hub has (`missing`).
    Missing,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Stored, by this try or by an earlier one.
    Committed,
    Refused(Refusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The lease has another epoch or incarnation: this reader has been replaced.
    StaleEpoch { epoch: Epoch },
    /// The stored position is not `after`: load it again.
    Misplaced { stored: Option<SequenceNumber> },
}
