//! What outlives a reader: its successor must not repeat the same death for ever.
//!
//! A batch that the database refuses, or that kills its writer every time, is not cut up in the
//! middle of a window of batches. Its reader begins afresh at the checkpoint and goes on carefully:
//! one batch in flight, half as large, until the trouble is behind it. When a batch of a single
//! event fails, that event is condemned: it is read again as a dead letter.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_model::{DeadReason, SequenceNumber, Span, StreamId};

/// Events that become dead letters whatever they hold.
pub(crate) type Condemned = BTreeMap<SequenceNumber, DeadReason>;

/// How a reader goes about its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Care {
    /// Events of one batch, and one batch at a time.
    pub(crate) step: usize,
    /// The trouble lies at or before this event.
    pub(crate) until: SequenceNumber,
}

#[derive(Debug, Default)]
struct Memory {
    /// Numbers mean nothing in another generation.
    stream_id: Option<StreamId>,
    care: Option<Care>,
    condemned: Condemned,
}

/// Shared by the successive readers of one partition.
#[derive(Debug, Default)]
pub(crate) struct ReaderMemory(Mutex<Memory>);

impl ReaderMemory {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        // Nothing is left half done under this lock, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader begins on this stream; what was learnt of another one is forgotten.
    pub(crate) fn note_stream(&self, stream_id: StreamId) {
        let mut memory = self.lock();
        if memory.stream_id != Some(stream_id) {
            *memory = Memory {
                stream_id: Some(stream_id),
                ..Memory::default()
            };
        }
    }

    pub(crate) fn care(&self) -> Option<Care> {
        self.lock().care
    }

    pub(crate) fn condemned(&self) -> Condemned {
        self.lock().condemned.clone()
    }

    /// The batch of so many events could not be stored: smaller ones from now on, or the one event
    /// is condemned.
    pub(crate) fn note_trouble(&self, span: Span, events: usize, reason: DeadReason) {
        let mut memory = self.lock();
        if events <= 1 {
            memory.condemned.insert(span.upto, reason);
        }
        let until = memory
            .care
            .map_or(span.upto, |care| care.until.max(span.upto));
        memory.care = Some(Care {
            step: (events / 2).max(1),
            until,
        });
    }

    pub(crate) fn note_committed(&self, upto: SequenceNumber) {
        let mut memory = self.lock();
        memory.care = memory.care.filter(|care| upto < care.until);
        if let Some(care) = &mut memory.care {
            care.step = care.step.saturating_mul(2);
        }
        if !memory.condemned.is_empty() {
            memory.condemned.retain(|number, _| *number > upto);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a reader against a database that refuses some events.
    fn bisect(events: i64, batch: usize, refused: &[i64]) -> (Vec<i64>, usize) {
        let memory = ReaderMemory::default();
        let (mut position, mut dead, mut tries) = (0, Vec::new(), 0);
        while position < events {
            tries += 1;
            let step = memory.care().map_or(batch, |care| care.step);
            let upto = (position + i64::try_from(step).unwrap()).min(events);
            let condemned = memory.condemned();
            let is_condemned = |number: &i64| condemned.contains_key(&SequenceNumber(*number));
            let inside = |number: &&i64| **number > position && **number <= upto;
            if refused.iter().filter(inside).all(is_condemned) {
                dead.extend(refused.iter().filter(inside));
                position = upto;
                memory.note_committed(SequenceNumber(upto));
            } else {
                let span = Span {
                    after: SequenceNumber(position),
                    upto: SequenceNumber(upto),
                };
                memory.note_trouble(
                    span,
                    usize::try_from(span.len()).unwrap(),
                    DeadReason::Poison,
                );
            }
        }
        (dead, tries)
    }

    #[test]
    fn exactly_the_refused_events_are_found_in_few_tries() {
        assert_eq!(bisect(10_000, 2_000, &[]), (vec![], 5));
        let (dead, tries) = bisect(10_000, 2_000, &[1, 4_321, 4_322, 10_000]);
        assert_eq!(dead, [1, 4_321, 4_322, 10_000]);
        assert!(tries < 120, "{tries}");
        let (dead, _) = bisect(50, 50, &(1..=50).collect::<Vec<_>>());
        assert_eq!(dead, (1..=50).collect::<Vec<_>>());
    }

    #[test]
    fn another_generation_begins_without_blame() {
        let memory = ReaderMemory::default();
        memory.note_stream(StreamId(1));
        let span = Span {
            after: SequenceNumber(499),
            upto: SequenceNumber(500),
        };
        memory.note_trouble(span, 1, DeadReason::Poison);
        memory.note_stream(StreamId(1));
        assert_eq!(memory.condemned().len(), 1);
        memory.note_stream(StreamId(2));
        assert_eq!((memory.condemned().len(), memory.care()), (0, None));
    }
}
