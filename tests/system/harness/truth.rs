//! The truth: the hub's log.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_hub::{DumpedEvent, Error};
use rollcall_model::Timestamp;

use super::message::{Expected, Reading, expected};

/// Partition and sequence number.
pub(crate) type Place = (i64, i64);

#[derive(Debug, Clone)]
pub(crate) struct LoggedEvent {
    pub(crate) enqueued_at: Timestamp,
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Expected,
}

/// Every event of a hub, by its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) events: BTreeMap<Place, LoggedEvent>,
}

impl Truth {
    /// Reads the log in `dir`, also beside a running hub.
    pub(crate) fn read(dir: &Path) -> Self {
        Self::of(rollcall_hub::dump(dir).unwrap().map(Result::unwrap))
    }

    /// Reads what is left of a log of which the disk lost segments or parts of them.
    pub(crate) fn read_damaged(dir: &Path) -> Self {
        let events = rollcall_hub::dump(dir).unwrap();
        Self::of(
            events
                .filter(|event| !matches!(event, Err(Error::Damaged { .. })))
                .map(Result::unwrap),
        )
    }

    fn of(events: impl Iterator<Item = DumpedEvent>) -> Self {
        let events = events.map(|event| {
            let number = i64::try_from(event.sequence_number).unwrap();
            let logged = LoggedEvent {
                enqueued_at: event.enqueued_at,
                expected: expected(&event.body, event.enqueued_at),
                body: event.body,
            };
            ((i64::from(event.partition_id), number), logged)
        });
        Self {
            events: events.collect(),
        }
    }

    /// The same log, of which every event of one owner must become a dead letter.
    pub(crate) fn with_poison(mut self, owner_id: &str) -> Self {
        for event in self.events.values_mut() {
            if matches!(&event.expected, Expected::Status(reading) if reading.owner_id == owner_id)
            {
                event.expected = Expected::Dead;
            }
        }
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The last number of each partition that has any.
    pub(crate) fn last_numbers(&self) -> BTreeMap<i64, i64> {
        self.events.keys().copied().collect()
    }

    pub(crate) fn readings(&self) -> impl Iterator<Item = (Place, &LoggedEvent, &Reading)> {
        self.events
            .iter()
            .filter_map(|(place, event)| match &event.expected {
                Expected::Status(reading) => Some((*place, event, reading)),
                Expected::Dead => None,
            })
    }

    pub(crate) fn dead(&self) -> impl Iterator<Item = (Place, &LoggedEvent)> {
        let dead = |event: &LoggedEvent| event.expected == Expected::Dead;
        self.events
            .iter()
            .filter(move |(_, event)| dead(event))
            .map(|(place, event)| (*place, event))
    }
}
