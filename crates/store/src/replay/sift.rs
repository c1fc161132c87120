//! Which events of a chunk are missing.

use std::collections::HashMap;

use rollcall_model::{Drops, Epoch, OwnerId, OwnerState, SequenceNumber, Span, Status};
use uuid::Uuid;

use super::{ReplayBasis, ReplayChunk, ReplayCounts, ReplayMode, Unstored};
use crate::Batch;
use crate::commit::fates::{Fates, OwnerStanding, Room, Rows};
use crate::fault::Result;

/// Where an event is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Stored,
    Held,
    Dead,
}

impl Place {
    /// As the databases number the places: 0 stored, 1 held, 2 dead.
    pub(crate) fn numbered(number: i64) -> Self {
        match number {
            0 => Self::Stored,
            1 => Self::Held,
            _ => Self::Dead,
        }
    }
}

/// The events that are nowhere, as a batch of statuses, and the counts of all others.
pub(crate) struct Sifted {
    pub(crate) missing: Batch,
    pub(crate) counts: ReplayCounts,
}

/// Takes out what is there already, and counts it.
pub(crate) fn sift(
    basis: &ReplayBasis,
    chunk: &ReplayChunk,
    there: &HashMap<SequenceNumber, Place>,
) -> Sifted {
    let mut counts = ReplayCounts::default();
    let mut is_missing = |number: SequenceNumber| match there.get(&number) {
        Some(place) => {
            *counts.of(*place) += 1;
            false
        }
        None => true,
    };
    let statuses = chunk.statuses.iter();
    let missing: Vec<_> = statuses
        .filter(|status| is_missing(status.sequence_number))
        .cloned()
        .collect();
    let unstored = chunk.unstored.iter();
    let unstored: Vec<_> = unstored
        .filter(|(number, _, _)| is_missing(*number))
        .map(|(_, _, why)| *why)
        .collect();
    unstored.into_iter().for_each(|why| counts.pass(why));
    Sifted {
        missing: batch(basis, missing),
        counts,
    }
}

/// How many of the numbers that were stored no total counts: those that lie in gaps, and of the
/// others those that are more than were lost. Returns them with what is still lost.
pub(crate) fn beyond(lost: u64, stored: &[SequenceNumber], gaps: &[Span]) -> (u64, u64) {
    let in_gap = |number: &&SequenceNumber| gaps.iter().any(|gap| gap.contains(**number));
    let in_gaps = stored.iter().filter(in_gap).count() as u64;
    let others = stored.len() as u64 - in_gaps;
    let put_back = others.min(lost);
    (in_gaps + others - put_back, lost - put_back)
}

/// Sends the missing rows their way. For a dry run an owner who is not on the roll counts as active,
/// since a replay would enter it.
///
/// # Errors
/// [`crate::Kind::Defect`] if an owner is not on the roll.
pub(crate) fn route<'b>(
    missing: &'b Batch,
    candidates: Rows<'b>,
    mut owners: HashMap<OwnerId, OwnerStanding>,
    mode: ReplayMode,
) -> Result<Fates<'b>> {
    if mode == ReplayMode::DryRun {
        for owner_id in candidates.owners() {
            owners.entry(owner_id.clone()).or_insert(OwnerStanding {
                state: OwnerState::Active,
                version: 1,
                settings: None,
                room: Room::WIDE,
            });
        }
    }
    candidates.route(&[missing], &owners)
}

/// No reader's batch: it only brings the rows to where a commit's go.
fn batch(basis: &ReplayBasis, statuses: Vec<Status>) -> Batch {
    Batch {
        stream_id: basis.stream_id,
        partition_id: basis.partition_id,
        epoch: Epoch(0),
        incarnation: Uuid::nil(),
        span: Span {
            after: basis.first.previous(),
            upto: basis.position,
        },
        statuses,
        held: Vec::new(),
        dead: Vec::new(),
        drops: Drops::default(),
        gaps: Vec::new(),
        offset: None,
    }
}

impl ReplayCounts {
    fn of(&mut self, place: Place) -> &mut u64 {
        match place {
            Place::Stored => &mut self.already_stored,
            Place::Held => &mut self.held,
            Place::Dead => &mut self.dead,
        }
    }

    fn pass(&mut self, why: Unstored) {
        match why {
            Unstored::Pending => self.pending += 1,
            Unstored::Dropped(reason) => self.dropped.add(reason, 1),
            Unstored::Undecodable => self.undecodable += 1,
        }
    }

    /// Adds what became of the missing ones.
    pub(crate) fn route(&mut self, fates: &Fates<'_>) {
        self.stored += fates.stored.len() as u64;
        self.pending += fates.held.len() as u64;
        for totals in &fates.totals {
            self.dropped.merge(&totals.drops);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_a_gap_is_beyond_the_totals_whatever_was_lost() {
        let numbers: Vec<_> = (0..10).map(SequenceNumber).collect();
        let gap = Span {
            after: SequenceNumber(3),
            upto: SequenceNumber(6),
        };
        assert_eq!(beyond(0, &numbers, &[]), (10, 0));
        assert_eq!(beyond(10, &numbers, &[]), (0, 0));
        assert_eq!(beyond(12, &numbers, &[]), (0, 2));
        assert_eq!(beyond(12, &numbers, &[gap]), (3, 5));
        assert_eq!(beyond(2, &numbers, &[gap]), (8, 0));
        assert_eq!(beyond(u64::MAX, &numbers, &[gap]), (3, u64::MAX - 7));
    }
}
