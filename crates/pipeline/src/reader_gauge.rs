//! How a partition is doing on this node: written by its reader once a batch, read by anyone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_model::{Epoch, PartitionId, SequenceNumber, StreamId, Timestamp};
use rollcall_source::{Condition, PartitionDescription};
use rollcall_store::{Observation, PartitionState};
use tokio::time::Instant;

use crate::status::ReaderStatus;

#[derive(Default)]
struct Gauge {
    phase: Phase,
    /// Of the lease that it holds, of this stream.
    epoch: Option<Epoch>,
    stream_id: Option<StreamId>,
    /// By when the lease must have been renewed; `None` where nobody else could claim it.
    lease_end: Option<Instant>,
    position: Option<SequenceNumber>,
    last_commit_at: Option<Timestamp>,
    condition: Option<Arc<Condition>>,
    fault: Option<String>,
    /// The gap before which the partition has stopped, as a sentence.
    gap: Option<String>,
    /// The oldest event of each batch in flight.
    in_flight: VecDeque<(SequenceNumber, Timestamp)>,
    /// The newest event that the hub had when it was first seen to be ahead of us: while it is not
    /// accounted for, the lag is at least its age.
    ahead: Option<(SequenceNumber, Timestamp)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Starting,
    Reading,
    Draining,
}

/// Shared by the successive readers of one partition and whoever asks.
pub(crate) struct ReaderGauge {
    partition_id: PartitionId,
    gauge: Mutex<Gauge>,
}

impl ReaderGauge {
    pub(crate) fn new(partition_id: PartitionId) -> Self {
        Self {
            partition_id,
            gauge: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Gauge> {
        // Plain values only: a panic elsewhere leaves nothing half done.
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new reader begins.
    pub(crate) fn note_start(&self) {
        let mut gauge = self.lock();
        gauge.phase = Phase::Starting;
        gauge.epoch = None;
        gauge.stream_id = None;
        gauge.lease_end = None;
        gauge.condition = None;
        gauge.gap = None;
        gauge.in_flight.clear();
    }

    /// The lease is granted, until then if nobody extends it.
    pub(crate) fn note_claimed(
        &self,
        stream_id: StreamId,
        epoch: Epoch,
        lease_end: Option<Instant>,
    ) {
        let mut gauge = self.lock();
        gauge.epoch = Some(epoch);
        gauge.stream_id = Some(stream_id);
        gauge.lease_end = lease_end;
    }

    /// The lease of this epoch lasts until then.
    pub(crate) fn note_renewed(&self, epoch: Epoch, lease_end: Option<Instant>) {
        let mut gauge = self.lock();
        if gauge.epoch == Some(epoch) {
            gauge.lease_end = gauge.lease_end.max(lease_end);
        }
    }

    pub(crate) fn holds(&self, epoch: Epoch) -> bool {
        self.lock().epoch == Some(epoch)
    }

    /// Stream and epoch of the lease that is held.
    pub(crate) fn lease(&self) -> Option<(StreamId, Epoch)> {
        let gauge = self.lock();
        gauge.stream_id.zip(gauge.epoch)
    }

    /// Resolves when the lease has run out without having been extended.
    pub(crate) async fn lapsed(&self) {
        loop {
            let end = self.lock().lease_end;
            match end {
                Some(end) if end <= Instant::now() => return,
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        }
    }

    pub(crate) fn note_reading(&self, position: SequenceNumber, condition: Arc<Condition>) {
        let mut gauge = self.lock();
        gauge.phase = Phase::Reading;
        // What was ahead of the last reader may have been another generation's.
        gauge.ahead = None;
        gauge.position = Some(position);
        gauge.condition = Some(condition);
        gauge.fault = None;
    }

    /// Which stream it reads, if it does.
    pub(crate) fn stream_id(&self) -> Option<StreamId> {
        self.lock().stream_id
    }

    pub(crate) fn note_draining(&self) {
        self.lock().phase = Phase::Draining;
    }

    pub(crate) fn note_fault(&self, fault: String) {
        self.lock().fault = Some(fault);
    }

    /// The partition has stopped before a gap; `None`: it goes on.
    pub(crate) fn note_gap(&self, gap: Option<String>) {
        self.lock().gap = gap;
    }

    /// The gap before which the partition has stopped.
    pub(crate) fn gap(&self) -> Option<String> {
        self.lock().gap.clone()
    }

    pub(crate) fn note_pulled(&self, upto: SequenceNumber, oldest: Timestamp) {
        self.lock().in_flight.push_back((upto, oldest));
    }

    pub(crate) fn note_committed(&self, position: SequenceNumber, at: Timestamp) {
        let mut gauge = self.lock();
        gauge.position = Some(position);
        gauge.last_commit_at = Some(at);
        while gauge
            .in_flight
            .front()
            .is_some_and(|(upto, _)| *upto <= position)
        {
            gauge.in_flight.pop_front();
        }
    }

    pub(crate) fn status(
        &self,
        hub: Option<PartitionDescription>,
        now: Timestamp,
        restarts: u64,
    ) -> ReaderStatus {
        let mut gauge = self.lock();
        let position = gauge.position;
        // The hub is asked every few seconds: what was pulled or stored since then counts as well.
        let pulled = gauge.in_flight.back().map(|(upto, _)| *upto);
        let last = hub.map(|hub| {
            [Some(hub.last), pulled, position]
                .into_iter()
                .flatten()
                .max()
        });
        let last = last.flatten();
        let lag_events = last.zip(position).map(|(last, at)| (last.0 - at.0).max(0));
        ReaderStatus {
            partition_id: self.partition_id,
            state: gauge.state(),
            epoch: gauge.epoch,
            sequence_number: position,
            last_enqueued_sequence_number: last,
            lag_events,
            lag_seconds: gauge.lag_seconds(hub, now),
            last_commit_at: gauge.last_commit_at,
            in_flight_batches: gauge.in_flight.len(),
            restarts,
            fault: gauge.fault(),
        }
    }
}

impl Gauge {
    fn fault(&self) -> Option<String> {
        let reading = self
            .condition
            .as_ref()
            .and_then(|condition| condition.fault());
        reading
            .map(|fault| fault.sentence.clone())
            .or_else(|| self.gap.clone())
            .or_else(|| self.fault.clone())
    }

    fn state(&self) -> PartitionState {
        let fault = self
            .condition
            .as_ref()
            .and_then(|condition| condition.fault());
        match (self.phase, fault) {
            (Phase::Draining, _) => PartitionState::Draining,
            (_, Some(fault)) if fault.displaced => PartitionState::Displaced,
            (_, Some(_)) => PartitionState::Stalled,
            (Phase::Reading, None) if self.gap.is_some() => PartitionState::Stalled,
            (Phase::Reading, None) => PartitionState::Reading,
            (Phase::Starting, None) if self.fault.is_some() => PartitionState::Stalled,
            (Phase::Starting, None) if self.epoch.is_some() => PartitionState::Reading,
            (Phase::Starting, None) => PartitionState::Unowned,
        }
    }

    /// The age of the oldest event that is known and not accounted for: never too large, and zero
    /// only where there is none. `None` if the hub was not asked yet.
    fn lag_seconds(&mut self, hub: Option<PartitionDescription>, now: Timestamp) -> Option<f64> {
        let (hub, position) = (hub?, self.position?);
        self.ahead = self.ahead.filter(|(number, _)| *number > position);
        if self.ahead.is_none() && hub.last > position {
            self.ahead = hub.last_enqueued_at.map(|at| (hub.last, at));
        }
        let in_flight = self.in_flight.front().map(|(_, oldest)| *oldest);
        let oldest = match (self.ahead.map(|(_, at)| at), in_flight) {
            (Some(ahead), Some(in_flight)) => Some(ahead.min(in_flight)),
            (ahead, in_flight) => ahead.or(in_flight),
        };
        Some(oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()))
    }
}

impl ReaderStatus {
    /// What the other nodes learn of it; nothing before it has an epoch.
    pub(crate) fn observation(&self) -> Option<Observation> {
        Some(Observation {
            partition_id: self.partition_id,
            epoch: self.epoch?,
            state: self.state,
            last_enqueued_sequence_number: self.last_enqueued_sequence_number,
            lag_seconds: self.lag_seconds,
            fault: self.fault.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn hub(last: i64, at: i64) -> Option<PartitionDescription> {
        Some(PartitionDescription {
            hub_created_at: Timestamp::EPOCH,
            first: SequenceNumber(0),
            last: SequenceNumber(last),
            last_enqueued_at: Some(second(at)),
        })
    }

    #[test]
    fn lag_grows_while_a_partition_stands_still_under_traffic() {
        let gauge = ReaderGauge::new(PartitionId(0));
        gauge.note_reading(SequenceNumber(9), Arc::default());
        let lag = |last, at, now| gauge.status(hub(last, at), second(now), 0).lag_seconds;
        assert_eq!(gauge.status(None, second(0), 0).lag_seconds, None);
        assert_eq!(lag(9, 50, 60), Some(0.0));
        assert_eq!(lag(20, 95, 100), Some(5.0));
        assert_eq!(lag(500, 199, 200), Some(105.0));
        gauge.note_committed(SequenceNumber(30), second(200));
        assert_eq!(lag(500, 199, 200), Some(1.0));
        assert_eq!(
            gauge.status(hub(500, 199), second(200), 0).lag_events,
            Some(470)
        );
    }

    #[test]
    fn a_batch_in_flight_counts_by_its_oldest_event() {
        let gauge = ReaderGauge::new(PartitionId(0));
        gauge.note_reading(SequenceNumber(9), Arc::default());
        gauge.note_pulled(SequenceNumber(20), second(40));
        assert_eq!(
            gauge.status(hub(20, 95), second(100), 0).lag_seconds,
            Some(60.0)
        );
        gauge.note_committed(SequenceNumber(20), second(100));
        assert_eq!(
            gauge.status(hub(20, 95), second(100), 0).lag_seconds,
            Some(0.0)
        );
    }

    #[test]
    fn an_old_observation_does_not_hide_what_is_known_by_now() {
        let gauge = ReaderGauge::new(PartitionId(0));
        gauge.note_reading(SequenceNumber(50), Arc::default());
        let status = gauge.status(hub(20, 95), second(100), 0);
        assert_eq!(
            status.last_enqueued_sequence_number,
            Some(SequenceNumber(50))
        );
        assert_eq!(status.lag_events, Some(0));
        gauge.note_pulled(SequenceNumber(60), second(100));
        assert_eq!(
            gauge.status(hub(20, 95), second(100), 0).lag_events,
            Some(10)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_runs_out_unless_it_is_extended_under_its_own_epoch() {
        let gauge = ReaderGauge::new(PartitionId(0));
        let second = std::time::Duration::from_secs(1);
        let begun = Instant::now();
        gauge.note_claimed(StreamId(1), Epoch(7), Some(begun + 15 * second));
        gauge.note_renewed(Epoch(7), Some(begun + 20 * second));
        gauge.note_renewed(Epoch(7), Some(begun + 18 * second));
        gauge.note_renewed(Epoch(6), Some(begun + 90 * second));
        gauge.lapsed().await;
        assert_eq!(begun.elapsed(), 20 * second);
        gauge.note_claimed(StreamId(1), Epoch(8), None);
        let limit = tokio::time::timeout(900 * second, gauge.lapsed());
        assert!(
            limit.await.is_err(),
            "a lease that nobody else could claim lasts"
        );
    }
}
