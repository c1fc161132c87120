//! What people do to the owner: approve or block it. Its held rows follow in a second transaction.

use rollcall_model::OwnerState;

use crate::action::Nodes;
use crate::mutant::Mutant;
use crate::world::{EVENTS, Event, PARTITIONS, World};
use rollcall_model::SequenceNumber;

impl Nodes {
    /// `Store::change_owner`, which waits for everybody who counts on the owner's state.
    pub(crate) fn decide(&self, world: &mut World, state: OwnerState) -> Option<()> {
        let shared = world
            .sessions
            .iter()
            .any(|session| session.found().is_some());
        let locked = shared && !self.is(Mutant::HeldWithoutForShare);
        if world.database.owner != Some(OwnerState::Pending) || locked {
            return None;
        }
        world.database.owner = Some(state);
        Some(())
    }
}

impl World {
    /// What was held before the decision goes its way, with the totals, in one transaction.
    pub(crate) fn release(&mut self) -> Option<()> {
        let state = self.database.owner?;
        let latest = state == OwnerState::Active && self.is_latest_locked();
        let waits = latest || self.is_held_count_locked();
        if state == OwnerState::Pending || self.database.released || waits {
            return None;
        }
        for partition in 0..PARTITIONS {
            for number in 1..=EVENTS {
                self.release_event(state, partition, number);
            }
        }
        self.database.released = true;
        Some(())
    }

    fn release_event(&mut self, state: OwnerState, partition: usize, number: usize) {
        let row = &mut self.database.partitions[partition];
        let event = &mut row.rows[number - 1];
        let count = std::mem::take(&mut event.held);
        if count == 0 {
            return;
        }
        row.totals.held -= count;
        if state == OwnerState::Active {
            event.stored += count;
            row.totals.stored += count;
            let number = SequenceNumber(i64::try_from(number).unwrap_or(i64::MAX));
            self.database.replace_latest(Event { partition, number });
        } else {
            event.dropped += count;
            row.totals.dropped += count;
        }
    }
}
