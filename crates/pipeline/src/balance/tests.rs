//! A simulated cluster: several nodes, one table of leases, one clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rollcall_model::{Epoch, PartitionId, Timestamp};
use rollcall_store::{LeaseRow, NodeSeen, Survey};
use uuid::Uuid;

use super::{Balance, INGEST, Mine, Terms};

const TTL: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(100);
/// Until whatever happened is over: a node that died is noticed after a time to live.
const A_WHILE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Runs,
    Paused,
    Stopping,
    Gone,
}

struct Member {
    name: String,
    incarnation: Uuid,
    state: State,
    balance: Balance,
    /// Readers that are still to claim, and when they will.
    starting: BTreeMap<PartitionId, Timestamp>,
    reading: BTreeMap<PartitionId, Epoch>,
    draining: BTreeMap<PartitionId, (Epoch, Timestamp)>,
    renewed_at: Timestamp,
    next_renewal: Timestamp,
    next_look: Timestamp,
}

#[derive(Clone, Copy, Default)]
struct Lease {
    epoch: i64,
    holder: Option<Uuid>,
    expires_at: Option<Timestamp>,
}

struct Cluster {
    now: Timestamp,
    random: StdRng,
    partitions: BTreeSet<PartitionId>,
    leases: BTreeMap<PartitionId, Lease>,
    seen: BTreeMap<String, NodeSeen>,
    members: Vec<Member>,
    /// Who has read each partition, in order.
    history: BTreeMap<PartitionId, Vec<Uuid>>,
    /// Takes no partition: its hub is away.
    lame: Option<String>,
}

impl Cluster {
    fn new(partitions: u32, seed: u64) -> Self {
        Self {
            now: Timestamp::from_millis(1_800_000_000_000),
            random: StdRng::seed_from_u64(seed),
            partitions: (0..partitions).map(PartitionId).collect(),
            leases: BTreeMap::new(),
            seen: BTreeMap::new(),
            members: Vec::new(),
            history: BTreeMap::new(),
            lame: None,
        }
    }

    fn join(&mut self, name: &str) {
        let incarnation = Uuid::from_u128(self.random.random());
        let terms = Terms {
            node: name.to_owned(),
            incarnation,
            ttl: TTL,
            interval: RENEW,
        };
        self.members.push(Member {
            name: name.to_owned(),
            incarnation,
            state: State::Runs,
            balance: Balance::new(terms),
            starting: BTreeMap::new(),
            reading: BTreeMap::new(),
            draining: BTreeMap::new(),
            renewed_at: self.now,
            next_renewal: self.now,
            next_look: self.now,
        });
    }

    fn member(&mut self, name: &str) -> &mut Member {
        let living = |it: &&mut Member| it.name == name && it.state != State::Gone;
        self.members.iter_mut().find(living).unwrap()
    }

    fn set(&mut self, name: &str, state: State) {
        self.member(name).state = state;
        if state == State::Stopping {
            self.seen.remove(name);
        }
    }

    fn run(&mut self, time: Duration) {
        let until = self.now.plus(time);
        while self.now < until {
            self.now = self.now.plus(TICK);
            for index in 0..self.members.len() {
                self.step(index);
            }
            self.nobody_reads_what_another_reads();
        }
    }

    fn step(&mut self, index: usize) {
        let mut member = self.members.remove(index);
        match member.state {
            State::Gone | State::Paused => {}
            State::Stopping => self.stop(&mut member),
            State::Runs => {
                self.lapse(&mut member);
                self.renew(&mut member);
                self.look(&mut member);
            }
        }
        self.settle_claims(&mut member);
        self.settle_drains(&mut member);
        self.members.insert(index, member);
    }

    fn delay(&mut self) -> Timestamp {
        let millis = self.random.random_range(0..1_500);
        self.now.plus(Duration::from_millis(millis))
    }

    fn lapse(&mut self, member: &mut Member) {
        if member.renewed_at.plus(TTL) <= self.now {
            member.reading.clear();
            member.draining.clear();
        }
    }

    fn renew(&mut self, member: &mut Member) {
        if member.next_renewal > self.now {
            return;
        }
        member.next_renewal = self.now.plus(RENEW);
        member.renewed_at = self.now;
        let (me, now, leases) = (member.incarnation, self.now, &mut self.leases);
        let mut renews = |id: &PartitionId, epoch: Epoch| {
            let lease = leases.entry(*id).or_default();
            let mine = lease.holder == Some(me) && lease.epoch == epoch.0;
            if mine {
                lease.expires_at = Some(now.plus(TTL));
            }
            mine
        };
        member.reading.retain(|id, epoch| renews(id, *epoch));
        member.draining.retain(|id, (epoch, _)| renews(id, *epoch));
        let seen = NodeSeen {
            name: member.name.clone(),
            incarnation: me,
            roles: vec![INGEST.to_owned()],
            last_seen_at: now,
        };
        self.seen.insert(member.name.clone(), seen);
    }

    fn look(&mut self, member: &mut Member) {
        if member.next_look > self.now {
            return;
        }
        let mine = Mine {
            reading: member
                .reading
                .keys()
                .chain(member.starting.keys())
                .copied()
                .collect(),
            draining: member.draining.keys().copied().collect(),
        };
        let plan = member.balance.plan(&self.partitions, &self.survey(), &mine);
        let again = plan.look_again_in.unwrap_or(RENEW).min(RENEW);
        member.next_look = self.now.plus(again).plus(TICK);
        for id in plan.claim {
            if self.lame.as_deref() != Some(&member.name) {
                let at = self.delay();
                member.starting.insert(id, at);
            }
        }
        for id in plan.hand_over {
            let epoch = member.reading.remove(&id).unwrap();
            let at = self.delay();
            member.draining.insert(id, (epoch, at));
        }
        for (id, epoch) in plan.release {
            self.release(member.incarnation, id, epoch);
        }
    }

    fn survey(&self) -> Survey {
        let lease = |(id, lease): (&PartitionId, &Lease)| LeaseRow {
            partition_id: *id,
            epoch: Epoch(lease.epoch),
            node: lease.holder.map(|holder| holder.to_string()),
            incarnation: lease.holder,
            expires_at: lease.expires_at,
        };
        Survey {
            now: self.now,
            leases: self.leases.iter().map(lease).collect(),
            nodes: self.seen.values().cloned().collect(),
        }
    }

    fn settle_claims(&mut self, member: &mut Member) {
        if member.state == State::Paused || member.state == State::Gone {
            return;
        }
        let due: Vec<_> = member
            .starting
            .iter()
            .filter(|(_, at)| **at <= self.now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            member.starting.remove(&id);
            let lease = self.leases.entry(id).or_default();
            let held = lease.expires_at.is_some_and(|at| at > self.now);
            if held && lease.holder != Some(member.incarnation) {
                continue;
            }
            lease.epoch = (lease.epoch + 1).max(self.now.as_seconds());
            lease.holder = Some(member.incarnation);
            lease.expires_at = Some(self.now.plus(TTL));
            member.reading.insert(id, Epoch(lease.epoch));
            self.history.entry(id).or_default().push(member.incarnation);
        }
    }

    fn settle_drains(&mut self, member: &mut Member) {
        if member.state == State::Paused || member.state == State::Gone {
            return;
        }
        let (due, left) = std::mem::take(&mut member.draining)
            .into_iter()
            .partition(|(_, (_, at))| *at <= self.now);
        member.draining = left;
        let due: BTreeMap<PartitionId, (Epoch, Timestamp)> = due;
        for (id, (epoch, _)) in due {
            self.release(member.incarnation, id, epoch);
        }
    }

    fn release(&mut self, holder: Uuid, id: PartitionId, epoch: Epoch) {
        let lease = self.leases.entry(id).or_default();
        if lease.holder == Some(holder) && lease.epoch == epoch.0 {
            *lease = Lease {
                epoch: lease.epoch + 1,
                ..Lease::default()
            };
        }
    }

    fn stop(&mut self, member: &mut Member) {
        member.starting.clear();
        for (id, epoch) in std::mem::take(&mut member.reading) {
            let at = self.delay();
            member.draining.insert(id, (epoch, at));
        }
        if member.draining.is_empty() {
            member.state = State::Gone;
        }
    }

    /// A paused reader does nothing; one that runs stops when its lease has run out.
    fn nobody_reads_what_another_reads(&self) {
        let mut readers: BTreeMap<PartitionId, usize> = BTreeMap::new();
        for member in self.members.iter().filter(|it| it.state == State::Runs) {
            for id in member.reading.keys().chain(member.draining.keys()) {
                *readers.entry(*id).or_default() += 1;
            }
        }
        assert!(readers.values().all(|readers| *readers == 1), "{readers:?}");
    }

    /// How many partitions each running node reads.
    fn spread(&self) -> Vec<usize> {
        let running = self.members.iter().filter(|it| it.state == State::Runs);
        running.map(|it| it.reading.len()).collect()
    }

    fn is_spread_evenly(&self) {
        let spread = self.spread();
        let (least, most) = (spread.iter().min().unwrap(), spread.iter().max().unwrap());
        assert_eq!(
            spread.iter().sum::<usize>(),
            self.partitions.len(),
            "{spread:?}"
        );
        assert!(most - least <= 1, "{spread:?}");
    }

    /// The changes of reader since `before`, and the most that one partition has.
    fn moves_since(&self, before: &BTreeMap<PartitionId, Vec<Uuid>>) -> (usize, usize) {
        let moves = self.partitions.iter().map(|id| {
            let now = self.history.get(id).map_or(0, Vec::len);
            now - before.get(id).map_or(0, Vec::len)
        });
        (moves.clone().sum(), moves.max().unwrap())
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("node-{number}")).collect()
}

/// A cluster whose nodes came one by one and have settled.
fn settled(partitions: u32, nodes: usize, seed: u64) -> Cluster {
    let mut cluster = Cluster::new(partitions, seed);
    for name in names(nodes) {
        cluster.join(&name);
        cluster.run(Duration::from_secs(1));
    }
    cluster.run(A_WHILE);
    cluster.is_spread_evenly();
    cluster
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_node_that_joins_gets_its_share_and_nothing_else_moves(
        partitions in 1_u32..70, nodes in 1_usize..6, seed: u64,
    ) {
        let mut cluster = settled(partitions, nodes, seed);
        let before = cluster.history.clone();
        cluster.join("newcomer");
        cluster.run(A_WHILE);
        cluster.is_spread_evenly();
        let (moves, of_one) = cluster.moves_since(&before);
        let share = cluster.member("newcomer").reading.len();
        prop_assert_eq!(moves, share);
        prop_assert!(of_one <= 1);
        let settled = cluster.history.clone();
        cluster.run(A_WHILE);
        prop_assert_eq!(cluster.moves_since(&settled), (0, 0));
    }

    #[test]
    fn what_a_node_leaves_behind_moves_once_and_nothing_else(
        partitions in 1_u32..70, nodes in 2_usize..6, seed: u64, clean: bool,
    ) {
        let mut cluster = settled(partitions, nodes, seed);
        let before = cluster.history.clone();
        let left = cluster.member("node-0").reading.len();
        cluster.set("node-0", if clean { State::Stopping } else { State::Gone });
        cluster.run(if clean { Duration::from_secs(12) } else { TTL + Duration::from_secs(4) });
        cluster.is_spread_evenly();
        cluster.run(A_WHILE);
        prop_assert_eq!(cluster.moves_since(&before), (left, usize::from(left > 0)));
    }

    #[test]
    fn whatever_happens_the_partitions_are_spread_evenly_afterwards(
        partitions in 1_u32..40, seed: u64,
        events in prop::collection::vec((0_usize..5, 0_u8..4, 0_u64..20_000), 1..12),
    ) {
        let mut cluster = settled(partitions, 1, seed);
        for (index, what, millis) in events {
            let name = format!("node-{index}");
            let state = cluster
                .members
                .iter()
                .find(|it| it.name == name && it.state != State::Gone)
                .map(|it| it.state);
            match (state, what) {
                (None, _) => cluster.join(&name),
                (Some(State::Runs), 1) => cluster.set(&name, State::Gone),
                (Some(State::Runs), 2) => cluster.set(&name, State::Stopping),
                (Some(State::Runs), 3) => cluster.set(&name, State::Paused),
                (Some(State::Paused), _) => cluster.set(&name, State::Runs),
                _ => {}
            }
            cluster.run(Duration::from_millis(millis));
        }
        if cluster.spread().is_empty() {
            cluster.join("last");
        }
        cluster.run(A_WHILE * 2);
        cluster.is_spread_evenly();
        let before = cluster.history.clone();
        cluster.run(A_WHILE);
        prop_assert_eq!(cluster.moves_since(&before), (0, 0));
    }

    #[test]
    fn a_node_that_comes_and_goes_every_few_seconds_moves_nothing(
        partitions in 8_u32..70, nodes in 1_usize..5, seed: u64, clean: bool,
    ) {
        let mut cluster = settled(partitions, nodes, seed);
        let before = cluster.history.clone();
        for _ in 0..10 {
            cluster.join("flapping");
            cluster.run(RENEW - Duration::from_secs(1));
            cluster.set("flapping", if clean { State::Stopping } else { State::Gone });
            cluster.run(Duration::from_secs(1));
        }
        cluster.run(A_WHILE);
        cluster.is_spread_evenly();
        prop_assert_eq!(cluster.moves_since(&before), (0, 0));
    }
}

#[test]
fn a_pause_longer_than_the_time_to_live_costs_a_node_its_partitions_and_it_gets_as_many_back() {
    let mut cluster = settled(32, 3, 7);
    let had = cluster.member("node-1").reading.len();
    cluster.set("node-1", State::Paused);
    cluster.run(TTL * 2);
    assert_eq!(cluster.spread().iter().sum::<usize>(), 32);
    cluster.set("node-1", State::Runs);
    cluster.run(TICK);
    assert_eq!(
        cluster.member("node-1").reading.len(),
        0,
        "it stops by itself"
    );
    cluster.run(A_WHILE);
    cluster.is_spread_evenly();
    assert!(cluster.member("node-1").reading.len().abs_diff(had) <= 1);
}

#[test]
fn what_a_node_that_cannot_read_lets_lie_is_read_by_the_others() {
    let mut cluster = Cluster::new(32, 3);
    cluster.lame = Some("lame".to_owned());
    cluster.join("lame");
    cluster.join("node-0");
    cluster.join("node-1");
    cluster.run(TTL + Duration::from_secs(5));
    let spread: usize = cluster.spread().iter().sum();
    assert_eq!(spread, 32);
}

#[test]
fn few_partitions_lie_between_two_readers_at_a_time() {
    let mut cluster = settled(32, 1, 11);
    cluster.join("newcomer");
    for _ in 0..600 {
        cluster.run(TICK);
        let read: usize = cluster.spread().iter().sum();
        assert!(read >= 32 - super::HAND_OVERS, "{read} of 32 are read");
    }
    cluster.is_spread_evenly();
}
