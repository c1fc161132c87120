//! What the fleet sends, and when: an endless, reproducible sequence.

use std::time::Duration;

use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rollcall_model::Timestamp;

use super::malformed;
use super::values;

/// How large the fleet is and how it behaves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fleet {
    pub(crate) owners: u32,
    pub(crate) sub_owners: u32,
    /// Between two statuses of one sub-owner.
    pub(crate) interval: Duration,
    pub(crate) seed: u64,
    /// Share of events that are no statuses, 0 to 1.
    pub(crate) malformed: f64,
    /// Share of statuses that are sent a second time, 0 to 1.
    pub(crate) duplicates: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlanKind {
    Status,
    /// The bytes of the status before, once more.
    Duplicate,
    Malformed,
}

/// One event of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    /// From 0, without holes.
    pub(crate) number: u64,
    /// When it is sent, from the start on.
    pub(crate) due: Duration,
    /// Index of the partition.
    pub(crate) partition: usize,
    pub(crate) kind: PlanKind,
    pub(crate) body: Vec<u8>,
}

/// The sequence. Each round every sub-owner sends once, spread evenly over the interval and in an
/// order that is shuffled once, so that an owner's newcomers meet on all partitions.
pub(crate) struct Plan {
    fleet: Fleet,
    partitions: usize,
    start: Timestamp,
    random: ChaCha8Rng,
    /// Indexes of all sub-owners, in sending order.
    order: Vec<u32>,
    turn: u64,
    number: u64,
    again: Option<(Duration, Vec<u8>)>,
}

impl Plan {
    pub(crate) fn new(fleet: Fleet, partitions: usize, start: Timestamp) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(fleet.seed);
        let mut order: Vec<_> = (0..fleet.owners.saturating_mul(fleet.sub_owners)).collect();
        order.shuffle(&mut random);
        Self {
            fleet,
            partitions: partitions.max(1),
            start,
            random,
            order,
            turn: 0,
            number: 0,
            again: None,
        }
    }

    fn due(&self) -> Duration {
        let per_event = self.fleet.interval.as_nanos() / self.order.len().max(1) as u128;
        let nanos = per_event.saturating_mul(u128::from(self.turn));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn planned(&mut self, due: Duration, kind: PlanKind, body: Vec<u8>) -> Planned {
        let number = self.number;
        self.number += 1;
        Planned {
            number,
            due,
            partition: self.random.random_range(0..self.partitions),
            kind,
            body,
        }
    }

    fn status(&mut self, index: u32, due: Duration) -> Vec<u8> {
        let owner = index / self.fleet.sub_owners.max(1);
        let sub_owner = index % self.fleet.sub_owners.max(1);
        let measured_at = self.start.plus(due);
        let data = values::data(self.fleet.seed, index, measured_at, &mut self.random);
        format!(
            "{{\"dataOwnerId\":\"{}\",\"dataOwnerSubId\":\"{}\",\"data\":{data},\"measuredAt\":\"{measured_at}\"}}",
            owner_id(owner),
            values::sub_owner_id(index, sub_owner),
        )
        .into_bytes()
    }
}

/// `owner-000017`: sorts by number up to a million owners.
pub(crate) fn owner_id(owner: u32) -> String {
    format!("owner-{owner:06}")
}

impl Iterator for Plan {
    type Item = Planned;

    /// `None` only for a fleet without sub-owners.
    fn next(&mut self) -> Option<Planned> {
        if let Some((due, body)) = self.again.take() {
            return Some(self.planned(due, PlanKind::Duplicate, body));
        }
        let length = self.order.len() as u64;
        let slot = usize::try_from(self.turn.checked_rem(length)?).ok()?;
        let index = *self.order.get(slot)?;
        let due = self.due();
        if self.random.random_bool(self.fleet.malformed) {
            // The turn stays: a malformed event comes beside the statuses, not instead of one.
            let body = malformed::body(&mut self.random);
            return Some(self.planned(due, PlanKind::Malformed, body));
        }
        self.turn += 1;
        let body = self.status(index, due);
        if self.random.random_bool(self.fleet.duplicates) {
            self.again = Some((due, body.clone()));
        }
        Some(self.planned(due, PlanKind::Status, body))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn fleet() -> Fleet {
        Fleet {
            owners: 20,
            sub_owners: 5,
            interval: Duration::from_secs(10),
            seed: 7,
            malformed: 0.1,
            duplicates: 0.1,
        }
    }

    fn plan(fleet: Fleet, count: usize) -> Vec<Planned> {
        let start = Timestamp::parse("2026-11-23T10:00:00Z").unwrap();
        Plan::new(fleet, 8, start).take(count).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_events() {
        assert_eq!(plan(fleet(), 2_000), plan(fleet(), 2_000));
        let other = plan(Fleet { seed: 8, ..fleet() }, 2_000);
        assert_ne!(plan(fleet(), 2_000), other);
    }

    #[test]
    fn a_round_has_one_status_of_every_sub_owner_spread_over_the_interval() {
        let pure = Fleet {
            malformed: 0.0,
            duplicates: 0.0,
            ..fleet()
        };
        let round = plan(pure, 100);
        let mut pairs = BTreeSet::new();
        for (number, planned) in round.iter().enumerate() {
            let message: BTreeMap<String, serde_json::Value> =
                serde_json::from_slice(&planned.body).unwrap();
            pairs.insert((
                message["dataOwnerId"].to_string(),
                message["dataOwnerSubId"].to_string(),
            ));
            assert_eq!(
                planned.due,
                Duration::from_millis(100) * u32::try_from(number).unwrap()
            );
        }
        assert_eq!(pairs.len(), 100);
    }

    #[test]
    fn an_owners_statuses_go_to_many_partitions() {
        let pure = Fleet {
            owners: 1,
            malformed: 0.0,
            duplicates: 0.0,
            ..fleet()
        };
        let partitions: BTreeSet<_> = plan(pure, 100).iter().map(|p| p.partition).collect();
        assert_eq!(partitions.len(), 8);
    }

    #[test]
    fn numbers_have_no_holes_and_the_shares_are_about_as_asked() {
        let events = plan(fleet(), 10_000);
        assert!(
            events
                .iter()
                .enumerate()
                .all(|(n, planned)| planned.number == n as u64)
        );
        let count = |kind| events.iter().filter(|planned| planned.kind == kind).count();
        assert!((700..1_300).contains(&count(PlanKind::Malformed)));
        assert!((600..1_200).contains(&count(PlanKind::Duplicate)));
        for pair in events.windows(2) {
            if pair[1].kind == PlanKind::Duplicate {
                assert_eq!(pair[0].body, pair[1].body);
            }
        }
    }

    #[test]
    fn a_fleet_without_sub_owners_sends_nothing() {
        assert_eq!(
            plan(
                Fleet {
                    owners: 0,
                    ..fleet()
                },
                10
            ),
            []
        );
    }
}
