//! Which numbers a replay may read: what the checkpoint has passed and the hub still has.

use std::sync::Arc;

use rollcall_model::{PartitionId, SequenceNumber};
use rollcall_source::PartitionDescription;
use rollcall_store::Stream;

use crate::replay::{ReplayPoint, ReplayRequest};

/// What is read once more, as it was checked.
pub(crate) struct Run {
    pub(crate) request: ReplayRequest,
    pub(crate) stream: Arc<Stream>,
    /// As the live one is read.
    pub(crate) source: rollcall_source::Config,
    pub(crate) consumer_group: String,
    /// The first number that the stream accounts for.
    pub(crate) first: SequenceNumber,
    /// The last number that may be replayed.
    pub(crate) upto: SequenceNumber,
    pub(crate) hub: PartitionDescription,
}

impl Run {
    /// # Errors
    /// A sentence, if the range holds numbers that cannot be replayed.
    pub(crate) fn check_range(&self) -> Result<(), String> {
        let ReplayPoint::Sequence(from) = self.request.from else {
            return Ok(());
        };
        self.check_first(from)?;
        let Some(ReplayPoint::Sequence(to)) = self.request.to else {
            return Ok(());
        };
        if to < from {
            return Err(format!(
                "the range ends at {to}, before it begins at {from}"
            ));
        }
        if to > self.upto {
            return Err(format!(
                "number {to} is not read yet: the checkpoint is {}, and what lies behind it comes \
                 by itself",
                self.upto
            ));
        }
        Ok(())
    }

    pub(crate) fn check_first(&self, from: SequenceNumber) -> Result<(), String> {
        let (hub, upto) = (self.hub, self.upto);
        if from > upto {
            return Err(format!(
                "number {from} is not read yet: the checkpoint is {upto}, and what lies behind it \
                 comes by itself"
            ));
        }
        if hub.first > upto {
            return Err(format!(
                "retention took everything up to the checkpoint {upto}: the first event that the \
                 hub still has is {}",
                hub.first
            ));
        }
        if from < hub.first {
            return Err(format!(
                "retention took number {from}: the first one that the hub still has is {}",
                hub.first
            ));
        }
        if from < self.first {
            return Err(format!(
                "number {from} lies before the start position of the stream, which accounts for \
                 what begins at {}",
                self.first
            ));
        }
        Ok(())
    }

    pub(crate) fn partition_id(&self) -> PartitionId {
        self.request.partition_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_model::{StreamId, Timestamp};
    use rollcall_store::ReplayMode;

    fn run(from: i64, to: Option<i64>, hub: (i64, i64)) -> Run {
        let to = to.map(|to| ReplayPoint::Sequence(SequenceNumber(to)));
        Run {
            request: ReplayRequest {
                partition_id: PartitionId(3),
                from: ReplayPoint::Sequence(SequenceNumber(from)),
                to,
                mode: ReplayMode::Store,
                consumer_group: None,
            },
            stream: Arc::new(Stream {
                stream_id: StreamId(1),
                namespace: "localhost".to_owned(),
                event_hub: "statuses".to_owned(),
                consumer_group: "$Default".to_owned(),
                generation: 1,
                hub_created_at: Timestamp::EPOCH,
            }),
            source: rollcall_source::Config::default(),
            consumer_group: "replay".to_owned(),
            first: SequenceNumber(10),
            upto: SequenceNumber(99),
            hub: PartitionDescription {
                hub_created_at: Timestamp::EPOCH,
                first: SequenceNumber(hub.0),
                last: SequenceNumber(hub.1),
                last_enqueued_at: None,
            },
        }
    }

    #[test]
    fn a_range_that_cannot_be_replayed_is_refused_with_the_number_that_can() {
        for (from, to, hub, told) in [
            (20, Some(30), (25, 200), "still has is 25"),
            (20, Some(30), (120, 200), "still has is 120"),
            (5, Some(30), (0, 200), "begins at 10"),
            (100, None, (0, 200), "checkpoint is 99"),
            (20, Some(100), (0, 200), "checkpoint is 99"),
            (20, Some(19), (0, 200), "before it begins at 20"),
        ] {
            let refused = run(from, to, hub).check_range().unwrap_err();
            assert!(refused.contains(told), "{refused}");
        }
        assert_eq!(run(20, Some(99), (20, 200)).check_range(), Ok(()));
    }
}
