//! Positions in a stream, and the rule by which a batch may be stored.
//!
//! A batch is the half-open span `(after, upto]` of sequence numbers. A checkpoint is the number of
//! the last accounted event. The names say which end is in: `after` is out, `upto` is in.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            ::schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The row of `streams`: (namespace, event hub, consumer group, generation).
    StreamId(i64)
}

number! {
    /// A partition of the event hub. Compared as a number, so that 10 follows 9.
    PartitionId(u32)
}

number! {
    /// Fences one reader of a partition from the next: a greater epoch ends a smaller one, in the
    /// database and, as the owner level, in the broker.
    Epoch(i64)
}

number! {
    /// The number that the hub gave an event within its partition.
    SequenceNumber(i64)
}

impl SequenceNumber {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

/// The events `(after, upto]` of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    pub after: SequenceNumber,
    pub upto: SequenceNumber,
}

impl Span {
    /// How many sequence numbers the span covers.
    #[must_use]
    pub fn len(self) -> u64 {
        u64::try_from(self.upto.0.saturating_sub(self.after.0)).unwrap_or(0)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn contains(self, number: SequenceNumber) -> bool {
        self.after < number && number <= self.upto
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}]", self.after, self.upto)
    }
}

/// What the position rule says of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Store it: it begins where the checkpoint stands.
    Due,
    /// It is stored already: an earlier try got in, its answer was lost.
    Committed,
    /// It does not fit: nothing may be written, the reader has to load its position again.
    Misplaced,
}

/// The position rule.
///
/// | stored position | verdict | because |
/// |---|---|---|
/// | `= after` (and `after < upto`) | `Due` | the batch continues the checkpoint |
/// | `≥ upto` | `Committed` | all its events are accounted for |
/// | `< after` | `Misplaced` | events in between would be passed over |
/// | `> after` and `< upto` | `Misplaced` | its first events would be stored twice |
///
/// An empty batch at the stored position is `Committed`: there is nothing to write.
#[must_use]
pub fn judge(stored: SequenceNumber, span: Span) -> Verdict {
    if stored >= span.upto {
        Verdict::Committed
    } else if stored == span.after {
        Verdict::Due
    } else {
        Verdict::Misplaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(after: i64, upto: i64) -> Span {
        Span {
            after: SequenceNumber(after),
            upto: SequenceNumber(upto),
        }
    }

    #[test]
    fn the_truth_table_holds() {
        for (stored, verdict) in [
            (8, Verdict::Misplaced),
            (9, Verdict::Due),
            (10, Verdict::Misplaced),
            (19, Verdict::Misplaced),
            (20, Verdict::Committed),
            (21, Verdict::Committed),
        ] {
            assert_eq!(
                judge(SequenceNumber(stored), span(9, 20)),
                verdict,
                "stored {stored}"
            );
        }
    }

    #[test]
    fn partitions_are_ordered_as_numbers() {
        assert!(PartitionId(9) < PartitionId(10));
    }

    proptest! {
        /// Whatever batches arrive in whatever order and however often: no event is stored twice,
        /// and none below the checkpoint is missing.
        #[test]
        fn any_arrival_stores_each_event_once(
            batches in proptest::collection::vec((0_i64..40, 1_i64..8), 1..80),
        ) {
            let mut stored = SequenceNumber(-1);
            let mut times = [0_u8; 64];
            for (first, length) in batches {
                let batch = span(first - 1, first - 1 + length);
                if judge(stored, batch) == Verdict::Due {
                    for number in first..first + length {
                        times[usize::try_from(number).unwrap()] += 1;
                    }
                    stored = batch.upto;
                }
            }
            for (number, times) in (0_i64..).zip(times) {
                prop_assert_eq!(times, u8::from(number <= stored.0));
            }
        }
    }
}
