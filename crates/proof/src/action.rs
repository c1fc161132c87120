//! What can happen, and in which order it is tried.

use rollcall_model::{Epoch, OwnerState, SequenceNumber};
use stateright::{Model, Property};

use crate::mutant::Mutant;
use crate::properties;
use crate::world::{
    Database, EVENTS, Faults, Incarnation, PARTITIONS, PartitionRow, Process, Reader, Rows,
    Session, Stage, World,
};

/// Two nodes on one database, and what may befall them.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// Events of each partition.
    pub events: [u8; PARTITIONS],
    pub faults: Faults,
    pub mutant: Option<Mutant>,
}

/// One step of one party. Sessions are named by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    // Sure: what a living process or the server does, and time that passes.
    Look(Incarnation, usize),
    Claim(Incarnation, usize),
    /// The keeper's renewal, or the reader's own watch, finds the lease lost or run out.
    Lose(Incarnation, usize),
    Renew(Incarnation, usize),
    Pull(Incarnation, usize, SequenceNumber),
    Provision(Incarnation),
    Begin(Incarnation, usize),
    /// A session takes its next step.
    Step(usize),
    /// The server gets through with a COMMIT that is on its way, or does not.
    Land(usize),
    Abort(usize),
    /// The server ends what a stopped process leaves open.
    TimeOut(usize),
    /// A living node ends what the server would wait for without a time-out.
    Sweep(usize),
    /// The lease of a process that is stopped or dead runs out.
    Expire(usize),
    Decide(OwnerState),
    Release,
    Start(u8),
    // Faults, and a stopped process that goes on.
    Supplant(u8),
    Wake(Incarnation),
    Crash(Incarnation),
    Stop(Incarnation),
    /// The lease of a living process runs out.
    Delay(usize),
    Restart(Incarnation, usize),
    HandOver(Incarnation, usize),
    /// A batch comes to the writer before the one in front of it.
    Overtake(Incarnation, usize),
    /// The writer dies, its transaction goes on.
    Abandon(usize),
    /// COMMIT is sent, its answer lost.
    Cut(usize),
}

impl Action {
    /// Whether it happens sooner or later wherever it is possible.
    #[must_use]
    pub fn is_sure(self) -> bool {
        !matches!(
            self,
            Self::Supplant(_)
                | Self::Wake(_)
                | Self::Crash(_)
                | Self::Stop(_)
                | Self::Delay(_)
                | Self::Restart(..)
                | Self::HandOver(..)
                | Self::Overtake(..)
                | Self::Abandon(_)
                | Self::Cut(_)
        )
    }
}

impl Nodes {
    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// How many events the partition has: the number of its last one.
    pub(crate) fn last(&self, partition: usize) -> SequenceNumber {
        SequenceNumber(i64::from(self.events[partition]))
    }

    pub(crate) fn fresh() -> World {
        let row = PartitionRow {
            epoch: Epoch(0),
            holder: None,
            expired: false,
            position: SequenceNumber(0),
            totals: Rows::default(),
            rows: [Rows::default(); EVENTS],
        };
        World {
            database: Database {
                partitions: [row.clone(), row],
                owner: None,
                entered: 0,
                announced: 0,
                latest: None,
                released: false,
                fence_broken: false,
            },
            sessions: Vec::new(),
            processes: Vec::new(),
            names: Vec::new(),
            left: Faults {
                crashes: 0,
                stops: 0,
                losses: 0,
                delays: 0,
                moves: 0,
            },
        }
    }

    /// The world after the step, if it is possible.
    fn step(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        match action {
            Action::Look(incarnation, partition) => self.look(&mut world, incarnation, partition),
            Action::Claim(incarnation, partition) => self.claim(&mut world, incarnation, partition),
            Action::Lose(incarnation, partition) => world.lose(incarnation, partition),
            Action::Renew(incarnation, partition) => world.renew(incarnation, partition),
            Action::Pull(incarnation, partition, upto) => {
                self.pull(&mut world, incarnation, partition, upto)
            }
            Action::Provision(incarnation) => world.provision(incarnation),
            Action::Begin(incarnation, partition) => {
                self.begin(&mut world, incarnation, partition, 0)
            }
            Action::Step(session) => self.advance(&mut world, session),
            Action::Land(session) => self.land(&mut world, session),
            Action::Abort(session) => world.abort(session),
            Action::TimeOut(session) => self.time_out(&mut world, session),
            Action::Sweep(session) => self.sweep(&mut world, session),
            Action::Expire(partition) => world.expire(partition),
            Action::Decide(state) => self.decide(&mut world, state),
            Action::Release => world.release(),
            Action::Start(node) => world.start(node),
            Action::Supplant(node) => world.supplant(node),
            Action::Wake(incarnation) => world.wake(incarnation),
            Action::Crash(incarnation) => world.crash(incarnation),
            Action::Stop(incarnation) => world.stop(incarnation),
            Action::Delay(partition) => world.delay(partition),
            Action::Restart(incarnation, partition) => world.restart(incarnation, partition),
            Action::HandOver(incarnation, partition) => world.hand_over(incarnation, partition),
            Action::Overtake(incarnation, partition) => {
                self.overtake(&mut world, incarnation, partition)
            }
            Action::Abandon(session) => world.abandon(session),
            Action::Cut(session) => world.cut(session),
        }
        .map(|()| world)
    }

    /// Whether anything is possible that happens sooner or later.
    pub(crate) fn goes_on(&self, world: &World) -> bool {
        let mut actions = Vec::new();
        self.actions(world, &mut actions);
        let mut sure = actions.into_iter().filter(|action| action.is_sure());
        sure.any(|action| self.step(world, action).is_some())
    }
}

/// What may be possible; [`Nodes::step`] knows.
impl Nodes {
    fn of_process(&self, world: &World, process: &Process, actions: &mut Vec<Action>) {
        let incarnation = process.incarnation;
        if process.stopped {
            actions.push(Action::Wake(incarnation));
            return;
        }
        actions.push(Action::Provision(incarnation));
        actions.extend((world.left.crashes > 0).then_some(Action::Crash(incarnation)));
        actions.extend((world.left.stops > 0).then_some(Action::Stop(incarnation)));
        for (partition, reader) in process.readers.iter().enumerate() {
            match reader {
                Reader::Idle => actions.push(Action::Look(incarnation, partition)),
                Reader::Looked => actions.push(Action::Claim(incarnation, partition)),
                Reader::Reading { pulled, .. } => {
                    let ends = pulled.0 + 1..=self.last(partition).0;
                    let ends = ends.map(SequenceNumber);
                    actions.extend(ends.map(|upto| Action::Pull(incarnation, partition, upto)));
                    let of_reader = [Action::Lose, Action::Renew, Action::Begin];
                    actions.extend(of_reader.map(|action| action(incarnation, partition)));
                    if world.left.moves > 0 {
                        let moves = [Action::Restart, Action::HandOver];
                        actions.extend(moves.map(|action| action(incarnation, partition)));
                    }
                    if world.left.losses > 0 {
                        actions.push(Action::Overtake(incarnation, partition));
                    }
                }
            }
        }
    }
}

fn of_session(world: &World, index: usize, session: &Session, actions: &mut Vec<Action>) {
    match session.stage {
        Stage::Begun => actions.extend([Action::Step(index), Action::Sweep(index)]),
        Stage::Counting | Stage::Written => {
            actions.extend([Action::Step(index), Action::TimeOut(index)])
        }
        Stage::Sent => actions.extend([Action::Land(index), Action::Abort(index)]),
    }
    if world.left.losses > 0 && session.stage != Stage::Sent {
        actions.extend([Action::Abandon(index), Action::Cut(index)]);
    }
}

impl Model for Nodes {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut world = Self::fresh();
        world.left = self.faults;
        // Both nodes run.
        for node in 0..2 {
            world.enlist(node);
        }
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for process in &world.processes {
            self.of_process(world, process, actions);
        }
        for (index, session) in world.sessions.iter().enumerate() {
            of_session(world, index, session, actions);
        }
        for partition in 0..PARTITIONS {
            actions.push(Action::Expire(partition));
            actions.extend((world.left.delays > 0).then_some(Action::Delay(partition)));
        }
        match world.database.owner {
            Some(OwnerState::Pending) => {
                actions.extend([OwnerState::Active, OwnerState::Blocked].map(Action::Decide));
            }
            Some(_) => actions.push(Action::Release),
            None => {}
        }
        actions.extend([0, 1].map(Action::Start));
        if world.left.moves > 0 {
            actions.extend([0, 1].map(Action::Supplant));
        }
    }

    fn next_state(&self, before: &World, action: Action) -> Option<World> {
        self.step(before, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
