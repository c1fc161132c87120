//! Leases and readers: look, claim, renew, lose, pull.

use rollcall_model::{Epoch, SequenceNumber, Span};

use crate::action::Nodes;
use crate::mutant::Mutant;
use crate::world::{Batch, Incarnation, Progress, Reader, World};

/// `pipeline.in_flight_batches`: two are enough for one to overtake the other.
const WINDOW: usize = 2;

impl Nodes {
    /// `holder` and `end_sessions` of a claim: one that expired must not be waited for.
    pub(crate) fn look(
        &self,
        world: &mut World,
        incarnation: Incarnation,
        partition: usize,
    ) -> Option<()> {
        let row = &world.database.partitions[partition];
        let another = row.holder.filter(|holder| *holder != incarnation);
        let mine = self.is_mine(world, incarnation, partition);
        if another.is_some() && !mine && !row.expired {
            return None;
        }
        if let Some(another) = another.filter(|_| !mine && !self.is(Mutant::NoTermination)) {
            world.end_sessions(another);
        }
        let process = world.process_mut(incarnation)?;
        process.readers[partition] = Reader::Looked;
        Some(())
    }

    /// The claim's one statement: a new epoch, and the checkpoint as it returns it.
    pub(crate) fn claim(
        &self,
        world: &mut World,
        incarnation: Incarnation,
        partition: usize,
    ) -> Option<()> {
        let mine = self.is_mine(world, incarnation, partition);
        let row = &mut world.database.partitions[partition];
        let granted = row.holder.is_none() || mine || row.expired;
        let reader = if granted {
            let goes_on = mine && self.is(Mutant::LeasesByNameOnly);
            row.epoch = Epoch(row.epoch.0 + i64::from(!goes_on));
            row.holder = Some(incarnation);
            row.expired = false;
            Reader::Reading {
                epoch: row.epoch,
                window: Vec::new(),
                pulled: row.position,
            }
        } else {
            Reader::Idle
        };
        let process = world.process_mut(incarnation)?;
        process.readers[partition] = reader;
        Some(())
    }

    /// Whether the row says that the lease is the asker's own.
    fn is_mine(&self, world: &World, incarnation: Incarnation, partition: usize) -> bool {
        let Some(holder) = world.database.partitions[partition].holder else {
            return false;
        };
        let same_name = || world.node_of(holder) == world.node_of(incarnation);
        holder == incarnation || self.is(Mutant::LeasesByNameOnly) && same_name()
    }

    /// The hub's events up to some number; where a batch ends is chance.
    pub(crate) fn pull(
        &self,
        world: &mut World,
        incarnation: Incarnation,
        partition: usize,
        upto: SequenceNumber,
    ) -> Option<()> {
        let process = world.process_mut(incarnation)?;
        let Reader::Reading { window, pulled, .. } = &mut process.readers[partition] else {
            return None;
        };
        if window.len() == WINDOW {
            return None;
        }
        let span = Span {
            after: *pulled,
            upto,
        };
        window.push(Batch {
            span,
            progress: Progress::Waits,
        });
        *pulled = upto;
        Some(())
    }
}

impl World {
    /// `Store::renew_leases`.
    pub(crate) fn renew(&mut self, incarnation: Incarnation, partition: usize) -> Option<()> {
        let holds = self.holds(incarnation, partition)?;
        let row = &mut self.database.partitions[partition];
        if !holds || !row.expired {
            return None;
        }
        row.expired = false;
        Some(())
    }

    /// The lease is another's, or has run out: the reader ends, and its batches with it.
    pub(crate) fn lose(&mut self, incarnation: Incarnation, partition: usize) -> Option<()> {
        let holds = self.holds(incarnation, partition)?;
        if holds && !self.database.partitions[partition].expired {
            return None;
        }
        self.end_reader(incarnation, partition)
    }

    /// Whether the row has the reader's epoch and incarnation; nothing if it does not read.
    pub(crate) fn holds(&self, incarnation: Incarnation, partition: usize) -> Option<bool> {
        let Reader::Reading { epoch, .. } = self.process(incarnation)?.readers[partition] else {
            return None;
        };
        let row = &self.database.partitions[partition];
        Some(row.epoch == epoch && row.holder == Some(incarnation))
    }

    /// What is in flight goes on, and nobody hears its answer.
    pub(crate) fn end_reader(&mut self, incarnation: Incarnation, partition: usize) -> Option<()> {
        let process = self.process_mut(incarnation)?;
        let reader = std::mem::replace(&mut process.readers[partition], Reader::Idle);
        let Reader::Reading { epoch, .. } = reader else {
            return None;
        };
        for session in &mut self.sessions {
            if session.incarnation == incarnation && session.lease() == Some((partition, epoch)) {
                session.heard = false;
            }
        }
        self.sessions.sort_unstable();
        Some(())
    }
}
