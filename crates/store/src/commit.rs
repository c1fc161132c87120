//! The commit: data and checkpoint in one transaction, under the lease's epoch.
//!
//! The rules stand here, apart from any database: `audit` proves that a batch adds up, `plan`
//! says which batches of a group are due, `fates` where each row goes. A database module reads
//! what they need, and writes what they say, in one transaction.

mod audit;
pub(crate) mod fates;
pub(crate) mod plan;

use std::sync::Arc;

use rollcall_model::{
    DeadLetter, Drops, Epoch, PartitionId, SequenceNumber, Span, Status, StreamId,
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::fault;
use crate::store::{Backend, Operation};
use crate::{Error, Store, postgres, sqlite};

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
    /// The hub's offset of the last event, where it is known.
    pub offset: Option<Box<str>>,
}

/// Numbers that the hub no longer has: `(after, upto]`, within the batch's span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub span: Span,
    pub reason: GapReason,
}

/// Why the hub has no such events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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

/// Why a batch is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The lease has another epoch or incarnation: this reader has been replaced.
    StaleEpoch { epoch: Epoch },
    /// The stored position is not `after`: load it again.
    Misplaced { stored: Option<SequenceNumber> },
}

impl GapReason {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Missing => "missing",
        }
    }
}

impl std::str::FromStr for GapReason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Retention, Self::Missing]
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not one of retention, missing"))
    }
}

impl Store {
    /// Stores what is due of a group of batches, with its checkpoints, in one transaction. Answers
    /// in the order of `batches`. A refused batch does not hinder the batches of other partitions;
    /// later ones of its own are refused with it, unless they are stored already.
    ///
    /// Rows go by the state in which the transaction finds their owner: of a blocked or deleted
    /// owner they become drops, of a pending one they are held, and held rows of an owner that is
    /// active by now are stored, calibrated by its current settings.
    ///
    /// # Errors
    /// [`crate::Kind::Unknown`] if the answer to COMMIT was lost: send the same batches again.
    /// [`crate::Kind::Defect`] if a batch does not add up or has a status of an owner that is not on the
    /// roll. Otherwise by [`crate::Kind`]; nothing of the group is stored then.
    pub async fn commit(&self, batches: Vec<Arc<Batch>>) -> Result<Vec<Answer>, Error> {
        let operation = Operation::write("commit", about(&batches));
        let batches: Arc<[Arc<Batch>]> = batches.into();
        self.call(operation, move |backend| {
            let batches = Arc::clone(&batches);
            async move {
                for batch in &*batches {
                    audit::audit(batch)?;
                }
                fault_before()?;
                let answers = match &*backend {
                    Backend::Sqlite(database) => sqlite::commit::commit(database, &batches).await?,
                    Backend::Postgres(database) => {
                        postgres::commit::commit(database, &batches).await?
                    }
                };
                fault_answer()?;
                Ok(answers)
            }
        })
        .await
    }
}

/// `partition 3 (9, 20] and 4 more`.
fn about(batches: &[Arc<Batch>]) -> String {
    match batches {
        [] => "nothing".to_owned(),
        [batch] => format!("partition {} {}", batch.partition_id, batch.span),
        [batch, more @ ..] => {
            let (partition, span) = (batch.partition_id, batch.span);
            format!("partition {partition} {span} and {} more", more.len())
        }
    }
}

fn fault_before() -> fault::Result<()> {
    fail::fail_point!("store.commit.before", |_| Err(fault::Fault::new(
        crate::Kind::Unavailable,
        "the fault point store.commit.before is set"
    )));
    Ok(())
}

fn fault_answer() -> fault::Result<()> {
    fail::fail_point!("store.commit.answer", |_| Err(fault::Fault::new(
        crate::Kind::Unknown,
        "the fault point store.commit.answer is set"
    )));
    Ok(())
}
