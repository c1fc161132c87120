//! Provisioning: the unique key decides who enters the owner, and announces it.

use rollcall_model::OwnerState;

use crate::action::Nodes;
use crate::mutant::Mutant;
use crate::world::{Incarnation, Progress, Reader, Session, Stage, Work, World};

impl World {
    /// The owner actor meets a newcomer: one look-up, and one transaction at a time.
    pub(crate) fn provision(&mut self, incarnation: Incarnation) -> Option<()> {
        let process = self.awake(incarnation)?;
        let waits = process.readers.iter().any(|reader| {
            matches!(reader, Reader::Reading { window, .. }
                if window.iter().any(|batch| batch.progress == Progress::Waits))
        });
        let is_at_it = self.sessions.iter().any(|session| {
            session.incarnation == incarnation && session.heard && session.work == Work::Provision
        });
        if process.knows_owner || !waits || is_at_it {
            return None;
        }
        if self.database.owner.is_some() {
            self.process_mut(incarnation)?.knows_owner = true;
        } else {
            self.open(Session {
                incarnation,
                work: Work::Provision,
                stage: Stage::Begun,
                heard: true,
            });
        }
        Some(())
    }
}

impl Nodes {
    /// `INSERT … ON CONFLICT DO NOTHING`: waits for another's transaction at the unique key; if that
    /// one got through, there is nothing to enter.
    pub(crate) fn insert_owner(&self, world: &mut World, index: usize) -> Option<()> {
        let mut session = world.sessions[index];
        if world.database.owner.is_some() {
            world.sessions.remove(index);
            return world.learn(session);
        }
        let taken = world.sessions.iter().any(|other| {
            other.work == Work::Provision && matches!(other.stage, Stage::Written | Stage::Sent)
        });
        if taken {
            return None;
        }
        session.stage = Stage::Written;
        world.replace(index, session);
        Some(())
    }

    pub(crate) fn enter_owner(&self, world: &mut World, index: usize) -> Option<()> {
        let session = world.sessions.remove(index);
        world.database.owner = Some(OwnerState::Pending);
        world.database.entered += 1;
        // The mutant's own transaction for it would be next: this is how a crash before it leaves
        // the database.
        if !self.is(Mutant::EventOutsideTransaction) {
            world.database.announced += 1;
        }
        world.learn(session)
    }
}

impl World {
    fn learn(&mut self, session: Session) -> Option<()> {
        if session.heard
            && let Some(process) = self.process_mut(session.incarnation)
        {
            process.knows_owner = true;
        }
        Some(())
    }
}
