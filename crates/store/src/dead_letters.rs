//! What becomes of dead letters by somebody's word: stored after all, or discarded.
//!
//! A letter that is replayed becomes a status at its own place (stream, partition, number), in one
//! transaction with the totals: dead goes down by one, stored up. Its row stays as history. One that is
//! discarded stays dead in the totals, since its event went nowhere else.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use rollcall_model::{
    Epoch, OwnerId, OwnerState, PartitionId, SequenceNumber, Span, Status, StreamId,
};
use uuid::Uuid;

use crate::commit::fates::OwnerStanding;
use crate::fault::{self, Fault};
use crate::store::{Backend, Operation};
use crate::{Batch, DeadLetterState, Error, Store, column, postgres, sqlite};

/// Which event it was. As text `{stream}-{partition}-{sequence number}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeadLetterId {
    pub stream_id: StreamId,
    pub partition_id: PartitionId,
    pub sequence_number: SequenceNumber,
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stream, partition) = (self.stream_id.0, self.partition_id.0);
        write!(f, "{stream}-{partition}-{}", self.sequence_number.0)
    }
}

impl FromStr for DeadLetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let mut parts = text.splitn(3, '-');
            Some(Self {
                stream_id: StreamId(parts.next()?.parse().ok()?),
                partition_id: PartitionId(parts.next()?.parse().ok()?),
                sequence_number: SequenceNumber(parts.next()?.parse().ok()?),
            })
        };
        read().ok_or_else(|| format!("{text:?} is no id of a dead letter"))
    }
}

/// What became of the wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterAnswer {
    Done,
    /// There is no such letter.
    NotFound,
    /// It was replayed or discarded before.
    NotOpen(DeadLetterState),
    /// Its owner takes no statuses: nothing was changed.
    OwnerIs(OwnerState),
}

impl Store {
    /// Stores what was made of the letter's body, at the letter's place.
    ///
    /// # Errors
    /// [`crate::Kind::Defect`] if the owner is not on the roll; otherwise by [`crate::Kind`].
    pub async fn replay_dead_letter(
        &self,
        id: DeadLetterId,
        status: Status,
    ) -> Result<LetterAnswer, Error> {
        let operation = Operation::write("replay_dead_letter", id.to_string());
        self.call(operation, move |backend| {
            let batch = batch(id, status.clone());
            async move {
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::dead_letters::replay(database, id, &batch).await
                    }
                    Backend::Postgres(database) => {
                        postgres::dead_letters::replay(database, id, &batch).await
                    }
                }
            }
        })
        .await
    }

    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn discard_dead_letter(&self, id: DeadLetterId) -> Result<LetterAnswer, Error> {
        let operation = Operation::write("discard_dead_letter", id.to_string());
        self.call(operation, move |backend| async move {
            match &*backend {
                Backend::Sqlite(database) => sqlite::dead_letters::discard(database, id).await,
                Backend::Postgres(database) => postgres::dead_letters::discard(database, id).await,
            }
        })
        .await
    }
}

impl LetterAnswer {
    /// What there is to say of a letter that does not wait for anybody's word.
    pub(crate) fn unless_open(state: Option<&str>) -> fault::Result<Option<Self>> {
        let Some(state) = state else {
            return Ok(Some(Self::NotFound));
        };
        let state: DeadLetterState = column::name("state", state)?;
        Ok((state != DeadLetterState::Open).then_some(Self::NotOpen(state)))
    }
}

/// The state of the one owner whose status was not stored.
pub(crate) fn owner_is(owners: &HashMap<OwnerId, OwnerStanding>) -> fault::Result<LetterAnswer> {
    let owner = owners.values().next();
    let owner = owner.ok_or_else(|| Fault::defect("a status without an owner was routed"))?;
    Ok(LetterAnswer::OwnerIs(owner.state))
}

/// # Errors
/// If the letter's partition has no row.
pub(crate) fn moved_one(rows: u64) -> fault::Result<()> {
    match rows {
        1 => Ok(()),
        _ => Err(Fault::defect(
            "a dead letter is of a partition without a row",
        )),
    }
}

/// No reader's batch: it only brings the row to where a commit's go.
fn batch(id: DeadLetterId, status: Status) -> Batch {
    Batch {
        stream_id: id.stream_id,
        partition_id: id.partition_id,
        epoch: Epoch(0),
        incarnation: Uuid::nil(),
        span: Span {
            after: id.sequence_number.previous(),
            upto: id.sequence_number,
        },
        statuses: vec![status],
        held: Vec::new(),
        dead: Vec::new(),
        drops: rollcall_model::Drops::default(),
        gaps: Vec::new(),
        offset: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is() {
        for text in ["1-0-4711", "12-31-0", "1-0--1"] {
            assert_eq!(text.parse::<DeadLetterId>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1-0", "1-x-0", "1-0-", "1-0-1-1", "1--1-0"] {
            let refused = text.parse::<DeadLetterId>().unwrap_err();
            assert!(refused.contains("is no id of a dead letter"), "{refused}");
        }
    }
}
