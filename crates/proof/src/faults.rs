//! What befalls processes and connections, and what follows from it by itself.

use rollcall_model::Epoch;

use crate::action::Nodes;
use crate::mutant::Mutant;
use crate::world::{Incarnation, Process, Reader, Stage, World};

/// Takes one fault from what is left of its kind.
pub(crate) fn spend(left: &mut u8) -> Option<()> {
    *left = left.checked_sub(1)?;
    Some(())
}

impl Nodes {
    /// The server gives up on a stopped process by `idle_in_transaction_session_timeout`, wherever
    /// it waits for the next statement. While it waits for the rest of a COPY that time-out does
    /// not run: whoever looks at the expired lease has to end the session.
    pub(crate) fn time_out(&self, world: &mut World, index: usize) -> Option<()> {
        let session = world.sessions[index];
        let stopped = world.process(session.incarnation)?.stopped;
        if !stopped || !matches!(session.stage, Stage::Counting | Stage::Written) {
            return None;
        }
        world.roll_back(index);
        Some(())
    }

    /// `end_stalled_sessions`: a COPY that its client does not go on with for a time to live is
    /// ended by any node's keeper, whoever holds which lease.
    pub(crate) fn sweep(&self, world: &mut World, index: usize) -> Option<()> {
        let session = world.sessions[index];
        let stopped = world.process(session.incarnation)?.stopped;
        let swept = !self.is(Mutant::NoTermination) && !self.is(Mutant::NoSweep);
        let awake = world.processes.iter().any(|process| !process.stopped);
        if !stopped
            || session.lease().is_none()
            || session.stage != Stage::Begun
            || !swept
            || !awake
        {
            return None;
        }
        world.roll_back(index);
        Some(())
    }
}

impl World {
    pub(crate) fn node_of(&self, incarnation: Incarnation) -> u8 {
        self.names[usize::from(incarnation)]
    }

    pub(crate) fn enlist(&mut self, node: u8) {
        let incarnation = Incarnation::try_from(self.names.len()).unwrap_or(Incarnation::MAX);
        self.names.push(node);
        self.processes.push(Process {
            node,
            incarnation,
            stopped: false,
            knows_owner: false,
            readers: [Reader::Idle, Reader::Idle],
        });
    }

    /// Systemd or Kubernetes starts a new process in the place of one that died.
    pub(crate) fn start(&mut self, node: u8) -> Option<()> {
        if self.processes.iter().any(|process| process.node == node) {
            return None;
        }
        self.enlist(node);
        Some(())
    }

    /// A new process takes the name of one that does not answer, and may answer again.
    pub(crate) fn supplant(&mut self, node: u8) -> Option<()> {
        let mut processes = self.processes.iter();
        if !processes.all(|process| process.node != node || process.stopped) {
            return None;
        }
        spend(&mut self.left.moves)?;
        self.enlist(node);
        Some(())
    }

    /// `kill -9`. Its sessions are rolled back, unless COMMIT was on its way by then.
    pub(crate) fn crash(&mut self, incarnation: Incarnation) -> Option<()> {
        spend(&mut self.left.crashes)?;
        self.processes
            .retain(|process| process.incarnation != incarnation);
        let theirs = |session: &&mut crate::world::Session| session.incarnation == incarnation;
        for session in self.sessions.iter_mut().filter(theirs) {
            session.heard = false;
            if session.stage == Stage::Written {
                session.stage = Stage::Sent;
            }
        }
        self.sessions
            .retain(|session| session.incarnation != incarnation || session.stage == Stage::Sent);
        self.sessions.sort_unstable();
        Some(())
    }

    pub(crate) fn stop(&mut self, incarnation: Incarnation) -> Option<()> {
        spend(&mut self.left.stops)?;
        self.process_mut(incarnation)?.stopped = true;
        Some(())
    }

    pub(crate) fn wake(&mut self, incarnation: Incarnation) -> Option<()> {
        self.process_mut(incarnation)?.stopped = false;
        Some(())
    }

    /// Nobody renews it.
    pub(crate) fn expire(&mut self, partition: usize) -> Option<()> {
        let row = &self.database.partitions[partition];
        let renewed = self.awake(row.holder?).is_some();
        if renewed || row.expired {
            return None;
        }
        self.database.partitions[partition].expired = true;
        Some(())
    }

    /// Its renewal is late.
    pub(crate) fn delay(&mut self, partition: usize) -> Option<()> {
        let row = &self.database.partitions[partition];
        self.awake(row.holder?)?;
        if row.expired {
            return None;
        }
        spend(&mut self.left.delays)?;
        self.database.partitions[partition].expired = true;
        Some(())
    }

    /// The reader's stream ends, its actor dies: its successor claims anew.
    pub(crate) fn restart(&mut self, incarnation: Incarnation, partition: usize) -> Option<()> {
        spend(&mut self.left.moves)?;
        self.end_reader(incarnation, partition)
    }

    /// It drains and releases, which raises the epoch.
    pub(crate) fn hand_over(&mut self, incarnation: Incarnation, partition: usize) -> Option<()> {
        let idle = matches!(&self.process(incarnation)?.readers[partition],
            Reader::Reading { window, .. } if window.is_empty());
        if !idle || !self.holds(incarnation, partition)? {
            return None;
        }
        spend(&mut self.left.moves)?;
        self.end_reader(incarnation, partition)?;
        let row = &mut self.database.partitions[partition];
        row.epoch = Epoch(row.epoch.0 + 1);
        row.holder = None;
        row.expired = false;
        Some(())
    }

    /// The actor that asked dies; its transaction runs to its end.
    pub(crate) fn abandon(&mut self, index: usize) -> Option<()> {
        let mut session = self.sessions[index];
        self.awake(session.incarnation)?;
        if !session.heard {
            return None;
        }
        spend(&mut self.left.losses)?;
        self.unsettle(&session);
        session.heard = false;
        self.replace(index, session);
        Some(())
    }

    /// The connection is cut behind COMMIT: whether it got through is unknown.
    pub(crate) fn cut(&mut self, index: usize) -> Option<()> {
        let mut session = self.sessions[index];
        self.awake(session.incarnation)?;
        if session.stage != Stage::Written {
            return None;
        }
        spend(&mut self.left.losses)?;
        self.unsettle(&session);
        session.heard = false;
        session.stage = Stage::Sent;
        self.replace(index, session);
        Some(())
    }

    pub(crate) fn abort(&mut self, index: usize) -> Option<()> {
        if self.sessions[index].stage != Stage::Sent {
            return None;
        }
        self.roll_back(index);
        Some(())
    }

    /// `pg_terminate_backend`. What is on its way through COMMIT gets through, or does not.
    pub(crate) fn end_sessions(&mut self, incarnation: Incarnation) {
        let ended = |session: &crate::world::Session| {
            session.incarnation == incarnation && session.stage != Stage::Sent
        };
        while let Some(index) = self.sessions.iter().position(ended) {
            self.roll_back(index);
        }
    }
}
