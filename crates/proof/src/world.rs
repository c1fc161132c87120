//! The state of the world: a database, the sessions that are open in it, the processes.

use rollcall_model::{Epoch, OwnerState, SequenceNumber, Span};

pub const PARTITIONS: usize = 2;
/// Of a partition at the most; every batch holds at least one.
pub const EVENTS: usize = 3;

/// A process of a node; they are counted in the order in which they start.
pub type Incarnation = u8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub database: Database,
    /// Sorted, so that the order in which they began makes no difference between states.
    pub sessions: Vec<Session>,
    /// The living, be they stopped; by incarnation.
    pub processes: Vec<Process>,
    /// The node of each incarnation that was ever started.
    pub names: Vec<u8>,
    pub left: Faults,
}

/// What is committed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Database {
    pub partitions: [PartitionRow; PARTITIONS],
    pub owner: Option<OwnerState>,
    /// Rows of the owner and events that announce it, as they were inserted.
    pub entered: u8,
    pub announced: u8,
    /// The owner's one sub-owner's.
    pub latest: Option<Event>,
    /// The held rows of the owner were released, or dropped, after a hand decided about it.
    pub released: bool,
    /// Something was stored, or a checkpoint moved, under another epoch than the lease's.
    pub fence_broken: bool,
}

/// The row of `partitions`, and the rows of its events in the other tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartitionRow {
    pub epoch: Epoch,
    pub holder: Option<Incarnation>,
    pub expired: bool,
    pub position: SequenceNumber,
    pub totals: Rows,
    pub rows: [Rows; EVENTS],
}

/// How often something stands in `statuses`, in `held_statuses`, among the counted drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rows {
    pub stored: u8,
    pub held: u8,
    pub dropped: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Event {
    pub partition: usize,
    pub number: SequenceNumber,
}

/// A transaction on its way, with the locks that its stage implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session {
    pub incarnation: Incarnation,
    pub work: Work,
    pub stage: Stage,
    /// Whether somebody waits for its answer.
    pub heard: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Enters the owner.
    Provision,
    Commit {
        partition: usize,
        epoch: Epoch,
        after: SequenceNumber,
        upto: SequenceNumber,
        /// The owner's state as the transaction read it.
        found: OwnerState,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// A commit with rows to be held: the owner is locked `FOR SHARE`, the row of `held_counts` comes
    /// next.
    Counting,
    /// A commit: the owner is locked `FOR SHARE`, of a pending one also the row of `held_counts`; the
    /// server waits for the rest of a COPY. Provisioning: the owner was looked up and is missing.
    Begun,
    /// A commit: all is written but for the checkpoint, the row of `latest_statuses` is locked.
    /// Provisioning: the owner's unique key is taken.
    Written,
    /// COMMIT is on its way or lost: the server alone decides.
    Sent,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    pub node: u8,
    pub incarnation: Incarnation,
    /// By SIGSTOP, by a paused machine: it may go on at any time, or never.
    pub stopped: bool,
    /// The owner is in the directory.
    pub knows_owner: bool,
    pub readers: [Reader; PARTITIONS],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reader {
    /// It does not read.
    Idle,
    /// It has looked at who holds the lease and has ended the sessions of one that expired.
    Looked,
    Reading {
        epoch: Epoch,
        /// Oldest first, each behind the one before it.
        window: Vec<Batch>,
        pulled: SequenceNumber,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Batch {
    pub span: Span,
    pub progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// For the owner to be known, for a writer, or for another try.
    Waits,
    Writing,
    Committed,
}

/// How often each may still strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Faults {
    /// `kill -9`.
    pub crashes: u8,
    pub stops: u8,
    /// An answer to COMMIT that is lost; a writer that dies and leaves its transaction running; a
    /// batch that comes to a writer before the one in front of it.
    pub losses: u8,
    /// A lease that runs out under a living process.
    pub delays: u8,
    /// A reader that begins anew or hands over.
    pub moves: u8,
}

impl Rows {
    pub fn sum(self) -> u8 {
        self.stored + self.held + self.dropped
    }
}

impl Session {
    /// The partition and epoch of a commit.
    pub fn lease(&self) -> Option<(usize, Epoch)> {
        match self.work {
            Work::Commit {
                partition, epoch, ..
            } => Some((partition, epoch)),
            Work::Provision => None,
        }
    }

    pub fn found(&self) -> Option<OwnerState> {
        match self.work {
            Work::Commit { found, .. } => Some(found),
            Work::Provision => None,
        }
    }
}

impl World {
    pub fn process(&self, incarnation: Incarnation) -> Option<&Process> {
        let mut processes = self.processes.iter();
        processes.find(|process| process.incarnation == incarnation)
    }

    pub fn process_mut(&mut self, incarnation: Incarnation) -> Option<&mut Process> {
        let mut processes = self.processes.iter_mut();
        processes.find(|process| process.incarnation == incarnation)
    }

    /// The process, if it can do anything.
    pub fn awake(&self, incarnation: Incarnation) -> Option<&Process> {
        self.process(incarnation).filter(|process| !process.stopped)
    }

    pub fn open(&mut self, session: Session) {
        self.sessions.push(session);
        self.sessions.sort_unstable();
    }

    pub fn replace(&mut self, index: usize, session: Session) {
        self.sessions[index] = session;
        self.sessions.sort_unstable();
    }
}
