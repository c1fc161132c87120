//! A status: on its way in, and as a row.

use std::time::Duration;

use crate::{OwnerId, SequenceNumber, SubOwnerId, Timestamp};

/// A `measuredAt` further ahead of the hub's clock than this is a wrong clock, not a measurement.
pub const MAX_CLOCK_LEAD: Duration = Duration::from_secs(300);

/// A decoded event: who sent what, and where it stands in its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusMessage {
    pub sequence_number: SequenceNumber,
    pub enqueued_at: Timestamp,
    /// When it was measured, by [`status_time`].
    pub status_at: Timestamp,
    pub owner_id: OwnerId,
    pub sub_owner_id: SubOwnerId,
    /// The exact text of the JSON value as received.
    pub data: Box<str>,
}

/// A status as it is stored; its stream and partition are those of its batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub sequence_number: SequenceNumber,
    pub enqueued_at: Timestamp,
    pub status_at: Timestamp,
    pub owner_id: OwnerId,
    pub sub_owner_id: SubOwnerId,
    /// The exact text of the JSON value as received.
    pub data: Box<str>,
    /// Calibrated; finite.
    pub value: Option<f64>,
    /// The owner's version whose settings made `value`.
    pub version: i64,
}

/// `measuredAt`, unless it is missing or lies more than five minutes after `enqueued_at`.
#[must_use]
pub fn status_time(measured_at: Option<Timestamp>, enqueued_at: Timestamp) -> Timestamp {
    measured_at
        .filter(|at| *at <= enqueued_at.plus(MAX_CLOCK_LEAD))
        .unwrap_or(enqueued_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_runs_ahead_is_not_believed() {
        let enqueued_at = Timestamp::from_millis(1_000_000);
        let ahead = |seconds| Some(enqueued_at.plus(Duration::from_secs(seconds)));
        assert_eq!(status_time(None, enqueued_at), enqueued_at);
        assert_eq!(
            status_time(Some(Timestamp::EPOCH), enqueued_at),
            Timestamp::EPOCH
        );
        assert_eq!(status_time(ahead(300), enqueued_at), ahead(300).unwrap());
        assert_eq!(status_time(ahead(301), enqueued_at), enqueued_at);
    }
}
