//! What holds in every state (I1 to I5), and that no wait is without end.

use stateright::Property;

use crate::action::Nodes;
use crate::world::{Database, EVENTS, Event, PARTITIONS, PartitionRow, Reader, Rows, World};

/// When each event was measured: neither partition is in order, nor is one newer than the other.
const MEASURED: [[u8; EVENTS]; PARTITIONS] = [[2, 1, 3], [1, 3, 2]];

/// By which one status is newer than another; the rest of the rule breaks the ties.
pub(crate) fn recency(event: Event) -> (u8, Event) {
    let place = usize::try_from(event.number.0 - 1).unwrap_or(usize::MAX);
    (MEASURED[event.partition][place], event)
}

pub(crate) fn all() -> Vec<Property<Nodes>> {
    vec![
        Property::always(
            "an event is stored, held or dropped once",
            |_, world: &World| rows(world).all(|(rows, _)| rows.sum() <= 1),
        ),
        Property::always("the checkpoint is what the data is", |_, world: &World| {
            rows(world).all(|(rows, accounted)| (rows.sum() > 0) == accounted)
        }),
        Property::always("the totals add up", |_, world: &World| {
            world.database.partitions.iter().all(adds_up)
        }),
        Property::always("one owner row, one created event", |_, world: &World| {
            let database = &world.database;
            let rows = u8::from(database.owner.is_some());
            (database.entered, database.announced) == (rows, rows)
        }),
        Property::always(
            "the latest status is the greatest by the rule",
            |_, world: &World| world.database.latest == greatest(&world.database),
        ),
        Property::always("a stale epoch stores nothing", |_, world: &World| {
            !world.database.fence_broken
        }),
        Property::always("an epoch has one reader", |_, world: &World| {
            let mut read: Vec<_> = world.processes.iter().flat_map(epochs).collect();
            read.sort_unstable();
            read.windows(2).all(|pair| pair[0] != pair[1])
        }),
        Property::always("no wait is without end", |nodes: &Nodes, world: &World| {
            let nobody = world.processes.iter().all(|process| process.stopped);
            nobody || nodes.is_done(world) || nodes.goes_on(world)
        }),
        // That the model comes to an end at all.
        Property::sometimes("everything is stored", |nodes: &Nodes, world: &World| {
            nodes.is_done(world) && rows(world).all(|(rows, _)| rows.dropped == 0)
        }),
        Property::sometimes("everything is dropped", |nodes: &Nodes, world: &World| {
            nodes.is_done(world) && rows(world).all(|(rows, _)| rows.stored == 0)
        }),
    ]
}

impl Nodes {
    /// Everything is accounted for, nobody waits, nothing is held for an owner who was decided
    /// about.
    pub(crate) fn is_done(&self, world: &World) -> bool {
        let read = (0..PARTITIONS)
            .all(|partition| world.database.partitions[partition].position == self.last(partition));
        let idle = world
            .sessions
            .iter()
            .all(|session| world.awake(session.incarnation).is_none());
        let held = rows(world).any(|(rows, _)| rows.held > 0);
        read && idle && world.database.released && !held
    }
}

/// Every event's rows, with whether the checkpoint says that it is accounted for.
fn rows(world: &World) -> impl Iterator<Item = (Rows, bool)> + '_ {
    world.database.partitions.iter().flat_map(|row| {
        let rows = row.rows.iter().zip(1_i64..);
        rows.map(|(rows, number)| (*rows, number <= row.position.0))
    })
}

fn adds_up(row: &PartitionRow) -> bool {
    let sum = row.rows.iter().fold(Rows::default(), |sum, rows| Rows {
        stored: sum.stored + rows.stored,
        held: sum.held + rows.held,
        dropped: sum.dropped + rows.dropped,
    });
    sum == row.totals
}

fn greatest(database: &Database) -> Option<Event> {
    let events = database.partitions.iter().enumerate();
    let events = events.flat_map(|(partition, row)| {
        let rows = row.rows.iter().zip(1_i64..);
        let stored = rows.filter(|(rows, _)| rows.stored > 0);
        stored.map(move |(_, number)| Event {
            partition,
            number: rollcall_model::SequenceNumber(number),
        })
    });
    events.max_by_key(|event| recency(*event))
}

/// What the process reads, and under which epochs.
fn epochs(process: &crate::world::Process) -> impl Iterator<Item = (usize, i64)> + '_ {
    let readers = process.readers.iter().enumerate();
    readers.filter_map(|(partition, reader)| match reader {
        Reader::Reading { epoch, .. } => Some((partition, epoch.0)),
        Reader::Idle | Reader::Looked => None,
    })
}
