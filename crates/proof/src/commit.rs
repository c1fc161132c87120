//! The commit of a batch: owner `FOR SHARE`, COPY, latest status, and the guard in one message with
//! COMMIT.

use rollcall_model::{OwnerState, SequenceNumber, Span, Verdict, judge};

use crate::action::Nodes;
use crate::faults::spend;
use crate::mutant::Mutant;
use crate::properties::recency;
use crate::world::{
    Batch, Database, Event, Incarnation, Progress, Reader, Session, Stage, Work, World,
};

/// A commit as its transaction sees it.
#[derive(Clone, Copy)]
struct Commit {
    incarnation: Incarnation,
    partition: usize,
    epoch: rollcall_model::Epoch,
    span: Span,
    found: OwnerState,
}

/// What the reader is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Committed,
    Refused,
}

impl Session {
    fn commit(&self) -> Option<Commit> {
        let Work::Commit {
            partition,
            epoch,
            after,
            upto,
            found,
        } = self.work
        else {
            return None;
        };
        Some(Commit {
            incarnation: self.incarnation,
            partition,
            epoch,
            span: Span { after, upto },
            found,
        })
    }
}

impl Commit {
    fn numbers(self) -> impl Iterator<Item = SequenceNumber> {
        (self.span.after.0 + 1..=self.span.upto.0).map(SequenceNumber)
    }
}

impl Nodes {
    /// Begins the commit of the oldest batch that is not committed, or of one `behind` it.
    pub(crate) fn begin(
        &self,
        world: &mut World,
        incarnation: Incarnation,
        partition: usize,
        behind: usize,
    ) -> Option<()> {
        let found = world.database.owner?;
        let process = world.process_mut(incarnation)?;
        let Reader::Reading { epoch, window, .. } = &mut process.readers[partition] else {
            return None;
        };
        let mut open = window
            .iter_mut()
            .filter(|batch| batch.progress != Progress::Committed);
        let batch = open.nth(behind)?;
        if !process.knows_owner || batch.progress != Progress::Waits {
            return None;
        }
        batch.progress = Progress::Writing;
        let Span { after, upto } = batch.span;
        let epoch = *epoch;
        let session = Session {
            incarnation,
            work: Work::Commit {
                partition,
                epoch,
                after,
                upto,
                found,
            },
            stage: match found {
                OwnerState::Pending => Stage::Counting,
                _ => Stage::Begun,
            },
            heard: true,
        };
        if self.is(Mutant::CheckpointBeforeData) {
            let commit = session.commit()?;
            if !self.passes(world, commit) {
                return self.refuse(world, session, commit);
            }
            world.database.partitions[partition].position = upto;
        }
        world.open(session);
        Some(())
    }

    /// A writer died, and the batches that it had come to its successor in another order.
    pub(crate) fn overtake(
        &self,
        world: &mut World,
        incarnation: Incarnation,
        partition: usize,
    ) -> Option<()> {
        spend(&mut world.left.losses)?;
        self.begin(world, incarnation, partition, 1)
    }

    /// What the process of the session does next in it.
    pub(crate) fn advance(&self, world: &mut World, index: usize) -> Option<()> {
        let mut session = world.sessions[index];
        world.awake(session.incarnation)?;
        match (session.work, session.stage) {
            (_, Stage::Sent) | (Work::Provision, Stage::Counting) => None,
            (Work::Commit { .. }, Stage::Counting) => {
                if world.is_held_count_locked() {
                    return None;
                }
                session.stage = Stage::Begun;
                world.replace(index, session);
                Some(())
            }
            (Work::Provision, Stage::Begun) => self.insert_owner(world, index),
            (Work::Provision, Stage::Written) => self.enter_owner(world, index),
            (Work::Commit { found, .. }, Stage::Begun) => {
                if found == OwnerState::Active && world.is_latest_locked() {
                    return None;
                }
                session.stage = Stage::Written;
                world.replace(index, session);
                Some(())
            }
            (Work::Commit { .. }, Stage::Written) => self.finish(world, index),
        }
    }

    /// The server comes to a COMMIT whose client hears no more.
    pub(crate) fn land(&self, world: &mut World, index: usize) -> Option<()> {
        match world.sessions[index] {
            Session {
                stage: Stage::Sent,
                work: Work::Provision,
                ..
            } => self.enter_owner(world, index),
            Session {
                stage: Stage::Sent, ..
            } => self.finish(world, index),
            _ => None,
        }
    }

    /// Guard and COMMIT; if the guard raises, the standings give the answer.
    fn finish(&self, world: &mut World, index: usize) -> Option<()> {
        let session = world.sessions.remove(index);
        let commit = session.commit()?;
        let checked_before = self.is(Mutant::CheckpointBeforeData);
        let passes = checked_before || self.passes(world, commit);
        if passes || self.is(Mutant::GuardDoesNotRaise) {
            world.database.note_fence(commit);
            self.store(&mut world.database, commit);
        }
        if !passes {
            return self.refuse(world, session, commit);
        }
        let row = &mut world.database.partitions[commit.partition];
        row.position = row.position.max(commit.span.upto);
        row.expired = false;
        world.settle(session, commit, Answer::Committed)
    }

    /// The guard: `advance_partitions`.
    fn passes(&self, world: &World, commit: Commit) -> bool {
        let row = &world.database.partitions[commit.partition];
        let due = if self.is(Mutant::FirstNumberAfterStored) {
            row.position <= commit.span.after
        } else {
            judge(row.position, commit.span) == Verdict::Due
        };
        let holds = row.epoch == commit.epoch && row.holder == Some(commit.incarnation);
        let holds = holds
            || self.is(Mutant::NoEpochCheck)
            || self.is(Mutant::LeasesByNameOnly) && row.epoch == commit.epoch;
        due && holds
    }

    /// `plan` in `commit/plan.rs`, for a batch that is not due: it may be stored already.
    fn refuse(&self, world: &mut World, session: Session, commit: Commit) -> Option<()> {
        let position = world.database.partitions[commit.partition].position;
        let stored = if self.is(Mutant::FirstNumberAfterStored) {
            position > commit.span.after
        } else {
            judge(position, commit.span) == Verdict::Committed
        };
        let answer = if stored {
            Answer::Committed
        } else {
            Answer::Refused
        };
        world.settle(session, commit, answer)
    }

    /// Every row goes by the state in which the transaction found the owner: `commit/fates.rs`.
    fn store(&self, database: &mut Database, commit: Commit) {
        let partition = commit.partition;
        for number in commit.numbers() {
            let row = &mut database.partitions[partition];
            let place = usize::try_from(number.0 - 1).unwrap_or(usize::MAX);
            for rows in [&mut row.rows[place], &mut row.totals] {
                match commit.found {
                    OwnerState::Active => rows.stored += 1,
                    OwnerState::Pending => rows.held += 1,
                    OwnerState::Blocked | OwnerState::Deleted => rows.dropped += 1,
                }
            }
        }
        if commit.found == OwnerState::Active {
            let events = commit.numbers().map(|number| Event { partition, number });
            let newest = events.max_by_key(|event| recency(*event));
            if self.is(Mutant::LatestUnguarded) {
                database.latest = newest;
            } else if let Some(newest) = newest {
                database.replace_latest(newest);
            }
        }
    }
}

impl Database {
    fn note_fence(&mut self, commit: Commit) {
        let row = &self.partitions[commit.partition];
        if row.epoch != commit.epoch || row.holder != Some(commit.incarnation) {
            self.fence_broken = true;
        }
    }

    /// The upsert with its guard: an older status never replaces a newer one.
    pub(crate) fn replace_latest(&mut self, event: Event) {
        if self
            .latest
            .is_none_or(|latest| recency(latest) < recency(event))
        {
            self.latest = Some(event);
        }
    }
}

impl World {
    /// Whether a transaction has the row of `latest_statuses`.
    pub(crate) fn is_latest_locked(&self) -> bool {
        self.sessions.iter().any(|session| {
            session.found() == Some(OwnerState::Active) && session.stage != Stage::Begun
        })
    }

    /// Whether a transaction has the row of `held_counts`.
    pub(crate) fn is_held_count_locked(&self) -> bool {
        self.sessions.iter().any(|session| {
            session.found() == Some(OwnerState::Pending) && session.stage != Stage::Counting
        })
    }

    /// Tells the reader, if it still waits: `Window::settle`.
    fn settle(&mut self, session: Session, commit: Commit, answer: Answer) -> Option<()> {
        if !session.heard {
            return Some(());
        }
        if answer == Answer::Refused {
            return self.end_reader(commit.incarnation, commit.partition);
        }
        if let Some(batch) = self.batch(commit) {
            batch.progress = Progress::Committed;
        }
        let process = self.process_mut(commit.incarnation)?;
        if let Reader::Reading { window, .. } = &mut process.readers[commit.partition] {
            let committed = window
                .iter()
                .take_while(|b| b.progress == Progress::Committed);
            let committed = committed.count();
            window.drain(..committed);
        }
        Some(())
    }

    fn batch(&mut self, commit: Commit) -> Option<&mut Batch> {
        let process = self.process_mut(commit.incarnation)?;
        match &mut process.readers[commit.partition] {
            Reader::Reading { epoch, window, .. } if *epoch == commit.epoch => {
                window.iter_mut().find(|batch| batch.span == commit.span)
            }
            _ => None,
        }
    }

    /// The batch is to be sent again, with the same bounds.
    pub(crate) fn unsettle(&mut self, session: &Session) {
        if !session.heard {
            return;
        }
        if let Some(commit) = session.commit()
            && let Some(batch) = self.batch(commit)
        {
            batch.progress = Progress::Waits;
        }
    }

    pub(crate) fn roll_back(&mut self, index: usize) {
        let session = self.sessions.remove(index);
        self.unsettle(&session);
    }
}
