//! What fails, when, and for how long: drawn from a seed, before anything runs.

use std::fmt;
use std::time::Duration;

use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Nodes that are always there.
pub(super) const NODES: usize = 3;

/// Of each lane one fault strikes at a time, so that up to one of each strike together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// The nodes' processes.
    Nodes,
    /// Database, hub, Redis, the webhook's receiver.
    Servers,
    /// What lies between them.
    Network,
    /// People.
    Hands,
}

pub(super) const LANES: [Lane; 4] = [Lane::Nodes, Lane::Servers, Lane::Network, Lane::Hands];

/// One stroke. Durations are how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// `kill -9`; it is started again at once.
    KillNode(usize),
    /// SIGSTOP, and SIGCONT, which may come when its leases are others'.
    PauseNode(usize, Duration),
    /// SIGTERM: it drains, leaves and joins again.
    StopNode(usize),
    /// One more joins, reads, and leaves.
    JoinNode(Duration),
    /// Killed, and started with fault points that act by chance.
    FaultyNode(usize, &'static str),
    CrashDatabase(Duration),
    RestartDatabase,
    CutSessions,
    KillHub(Duration),
    StopHub,
    KillRedis(Duration),
    PauseRedis(Duration),
    FlushRedis,
    ReceiverRefuses(Duration),
    ReceiverHangs(Duration),
    CutLink(Wire),
    DelayLink(Wire, Duration, Duration),
    HoldLink(Wire, Duration),
    ChangeSettings(u32),
    Block(u32),
    Delete(u32),
    /// Of whoever was blocked or deleted.
    Readmit,
    /// Entered by hand on every node at once, whether the stream knows it or not.
    CreateByHand(u32),
}

/// Which connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    HubOf(usize),
    DatabaseOf(usize),
    Fleet,
}

/// A fault, and how many more events are accounted for before it strikes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) after: u64,
    pub(super) fault: Fault,
}

/// The steps of a lane in a round: the same for the same seed.
pub(super) fn steps(seed: u64, round: u64, lane: Lane, count: usize, pace: u64) -> Vec<Step> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(round * LANES.len() as u64 + lane as u64);
    let step = |_| Step {
        after: random.random_range(0..=2 * pace),
        fault: fault(lane, &mut random),
    };
    (0..count).map(step).collect()
}

fn fault(lane: Lane, random: &mut ChaCha8Rng) -> Fault {
    match lane {
        Lane::Nodes => of_nodes(random),
        Lane::Servers => of_servers(random),
        Lane::Network => of_network(random),
        Lane::Hands => of_hands(random),
    }
}

/// Panics, errors before a commit, and answers that are lost behind one.
const POINTS: [&str; 8] = [
    "reader.pull=1%panic;owner.admit=1%panic",
    "reader.decode=1%panic",
    "owner.provision=20%panic",
    "writer.commit=3%panic",
    "store.commit.before=10%return",
    "store.commit.answer=10%return",
    "lease.renew=20%panic;store.settle_held=30%return",
    "relay.send=10%return;relay.mark=5%panic",
];

fn of_nodes(random: &mut ChaCha8Rng) -> Fault {
    let node = random.random_range(0..NODES);
    match random.random_range(0..10) {
        0..4 => Fault::KillNode(node),
        // Below and beyond the time to live of a lease.
        4..6 => Fault::PauseNode(node, millis(random, 100..6_000)),
        6 => Fault::StopNode(node),
        7 => Fault::JoinNode(millis(random, 500..4_000)),
        _ => Fault::FaultyNode(node, POINTS.choose(random).copied().unwrap_or_default()),
    }
}

fn of_servers(random: &mut ChaCha8Rng) -> Fault {
    match random.random_range(0..15) {
        0..2 => Fault::CrashDatabase(millis(random, 0..2_000)),
        2 => Fault::RestartDatabase,
        3..6 => Fault::CutSessions,
        6..8 => Fault::KillHub(millis(random, 0..1_500)),
        8 => Fault::StopHub,
        9 => Fault::KillRedis(millis(random, 0..2_000)),
        10 => Fault::PauseRedis(millis(random, 100..3_000)),
        11 => Fault::FlushRedis,
        12..14 => Fault::ReceiverRefuses(millis(random, 100..2_000)),
        _ => Fault::ReceiverHangs(millis(random, 100..1_500)),
    }
}

fn of_network(random: &mut ChaCha8Rng) -> Fault {
    let node = random.random_range(0..NODES);
    let wire = match random.random_range(0..9) {
        0..4 => Wire::HubOf(node),
        4..8 => Wire::DatabaseOf(node),
        _ => Wire::Fleet,
    };
    match random.random_range(0..5) {
        0..3 => Fault::CutLink(wire),
        3 => Fault::DelayLink(wire, millis(random, 1..100), millis(random, 200..2_000)),
        _ => Fault::HoldLink(wire, millis(random, 200..5_000)),
    }
}

fn of_hands(random: &mut ChaCha8Rng) -> Fault {
    let draw = random.random();
    match random.random_range(0..10) {
        0..4 => Fault::ChangeSettings(draw),
        4..6 => Fault::Block(draw),
        6 => Fault::Delete(draw),
        7 => Fault::Readmit,
        _ => Fault::CreateByHand(draw),
    }
}

fn millis(random: &mut ChaCha8Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.random_range(range))
}

impl Fault {
    /// What it is counted as.
    pub(super) fn name(&self) -> String {
        let debug = format!("{self:?}");
        let end = debug.find('(').unwrap_or(debug.len());
        debug[..end].to_owned()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} events {:?}", self.after, self.fault)
    }
}

#[test]
fn the_same_seed_gives_the_same_schedule() {
    let draw = |seed| {
        let steps = LANES.map(|lane| steps(seed, 3, lane, 20, 500));
        format!("{steps:?}")
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}
