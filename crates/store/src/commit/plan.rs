//! Which batches of a group are due.
//!
//! Per partition, in the order in which they stand in the group:
//!
//! | the batch | answer |
//! |---|---|
//! | stored position ≥ `upto` | committed, even under a stale epoch: its events are stored |
//! | an earlier batch of the partition was refused | refused with it |
//! | epoch or incarnation is not the lease's | stale epoch |
//! | stored position = `after` | due; the position moves for the batches behind it |
//! | otherwise, or the partition was never begun | misplaced |

use std::collections::BTreeMap;

use rollcall_model::{Epoch, PartitionId, SequenceNumber, StreamId, Verdict, judge};
use uuid::Uuid;

use super::{Answer, Batch, Refusal};

pub(crate) type PartitionKey = (StreamId, PartitionId);

/// A partition's lease and position, as the transaction found them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) epoch: Epoch,
    pub(crate) incarnation: Option<Uuid>,
    pub(crate) position: Option<SequenceNumber>,
}

/// What the transaction does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Due,
    Answered(Answer),
}

impl Decision {
    /// The answer once the transaction has got through.
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Due => Answer::Committed,
            Self::Answered(answer) => answer,
        }
    }
}

impl Batch {
    pub(crate) fn key(&self) -> PartitionKey {
        (self.stream_id, self.partition_id)
    }
}

struct Progress {
    standing: Standing,
    refused: Option<Refusal>,
}

/// One decision per batch, in their order.
pub(crate) fn plan<'b>(
    batches: impl Iterator<Item = &'b Batch>,
    partitions: &BTreeMap<PartitionKey, Standing>,
) -> Vec<Decision> {
    let mut progress: BTreeMap<PartitionKey, Progress> = BTreeMap::new();
    batches
        .map(|batch| {
            let progress = progress.entry(batch.key()).or_insert_with(|| Progress {
                standing: standing(partitions, batch.key()),
                refused: None,
            });
            decide(batch, progress)
        })
        .collect()
}

fn standing(partitions: &BTreeMap<PartitionKey, Standing>, key: PartitionKey) -> Standing {
    // A partition without a row was never claimed, so that no lease of it can be valid.
    partitions.get(&key).copied().unwrap_or(Standing {
        epoch: Epoch(0),
        incarnation: None,
        position: None,
    })
}

fn decide(batch: &Batch, progress: &mut Progress) -> Decision {
    let standing = progress.standing;
    let verdict = match standing.position {
        Some(position) => judge(position, batch.span),
        None => Verdict::Misplaced,
    };
    if verdict == Verdict::Committed {
        return Decision::Answered(Answer::Committed);
    }
    let refusal = if let Some(refusal) = progress.refused {
        refusal
    } else if batch.epoch != standing.epoch || Some(batch.incarnation) != standing.incarnation {
        Refusal::StaleEpoch {
            epoch: standing.epoch,
        }
    } else if verdict == Verdict::Due {
        progress.standing.position = Some(batch.span.upto);
        return Decision::Due;
    } else {
        Refusal::Misplaced {
            stored: standing.position,
        }
    };
    progress.refused = Some(refusal);
    Decision::Answered(Answer::Refused(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_model::{Drops, Span};

    const KEY: PartitionKey = (StreamId(1), PartitionId(3));

    fn batch(after: i64, upto: i64, epoch: i64) -> Batch {
        Batch {
            stream_id: KEY.0,
            partition_id: KEY.1,
            epoch: Epoch(epoch),
            incarnation: Uuid::nil(),
            span: Span {
                after: SequenceNumber(after),
                upto: SequenceNumber(upto),
            },
            statuses: Vec::new(),
            held: Vec::new(),
            dead: Vec::new(),
            drops: Drops::default(),
            gaps: Vec::new(),
            offset: None,
        }
    }

    fn decide_all(position: Option<i64>, batches: &[Batch]) -> Vec<Decision> {
        let standing = Standing {
            epoch: Epoch(7),
            incarnation: Some(Uuid::nil()),
            position: position.map(SequenceNumber),
        };
        plan(batches.iter(), &BTreeMap::from([(KEY, standing)]))
    }

    fn refused(refusal: Refusal) -> Decision {
        Decision::Answered(Answer::Refused(refusal))
    }

    #[test]
    fn batches_that_follow_each_other_are_all_due() {
        let batches = [batch(9, 20, 7), batch(20, 21, 7), batch(21, 30, 7)];
        assert_eq!(decide_all(Some(9), &batches), [Decision::Due; 3]);
    }

    #[test]
    fn after_one_refusal_the_later_ones_are_refused_although_they_would_fit() {
        let misplaced = refused(Refusal::Misplaced {
            stored: Some(SequenceNumber(9)),
        });
        let batches = [batch(10, 20, 7), batch(9, 20, 7)];
        assert_eq!(decide_all(Some(9), &batches), [misplaced, misplaced]);
    }

    #[test]
    fn what_is_stored_is_committed_even_under_a_stale_epoch() {
        let stale = refused(Refusal::StaleEpoch { epoch: Epoch(7) });
        let committed = Decision::Answered(Answer::Committed);
        let batches = [batch(9, 20, 6), batch(20, 30, 6), batch(9, 20, 6)];
        assert_eq!(
            decide_all(Some(20), &batches),
            [committed, stale, committed]
        );
    }

    #[test]
    fn a_partition_that_was_not_begun_takes_nothing() {
        let misplaced = refused(Refusal::Misplaced { stored: None });
        assert_eq!(decide_all(None, &[batch(-1, 5, 7)]), [misplaced]);
        let stale = refused(Refusal::StaleEpoch { epoch: Epoch(0) });
        let unknown = plan([batch(-1, 5, 7)].iter(), &BTreeMap::new());
        assert_eq!(unknown, [stale]);
    }

    #[test]
    fn a_refused_partition_leaves_the_others_alone() {
        let mut other = batch(9, 20, 7);
        other.partition_id = PartitionId(4);
        let stale = refused(Refusal::StaleEpoch { epoch: Epoch(0) });
        let decisions = decide_all(Some(9), &[other, batch(9, 20, 7)]);
        assert_eq!(decisions, [stale, Decision::Due]);
    }
}
