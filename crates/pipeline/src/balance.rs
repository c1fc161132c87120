//! The balance: which partitions this node hands over, which it claims, when it looks again.
//!
//! A plan from one survey of the database, without a clock and without messages between nodes:
//! every node computes the same shares and does its own part. The shares add up to the number of
//! partitions, so what one node has too many is exactly what others lack beyond what lies free.
//! Hence:
//! - a node hands over no more than others lack, those that it has held longest, and few at a time;
//! - it claims up to its share and never more, so that a partition that has moved stays;
//! - the odd partitions stay with those who have them, so that an even spread is left alone;
//! - a node has a share as long as the database has seen it within the time to live; others hand
//!   over to it only once it has shown that it stays, so that a flapping one moves nothing;
//! - one that lets its part lie is passed over for a while, so that nothing lies for ever.
//!
//! Who is wrong about the others loses a claim in the database, no more.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rollcall_model::{Epoch, PartitionId, Timestamp};
use rollcall_store::{LeaseRow, NodeSeen, Survey};
use uuid::Uuid;

/// The role of a node that reads.
pub(crate) const INGEST: &str = "ingest";

/// Partitions of a node between two readers at a time: few, so that little stands still …
const HAND_OVERS: usize = 4;
/// … and of a large hub one in so many, so that it is spread in about as many steps.
const HAND_OVER_STEPS: usize = 8;
/// How soon to look again while partitions have yet to move; a wake-up usually comes before.
const UNEVEN_LOOK: Duration = Duration::from_millis(500);
/// Times to live for which a node that let its part lie is passed over at first …
const FIRST_PASS: u32 = 4;
/// … doubling up to this.
const LONGEST_PASS: u32 = 64;

/// What the plans of one process go by.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) node: String,
    pub(crate) incarnation: Uuid,
    /// After so long without a sign of life a node has no share.
    pub(crate) ttl: Duration,
    /// Between two signs of life. Others hand over to a node once it has given a second one.
    pub(crate) interval: Duration,
}

/// The partitions that have a reader in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mine {
    /// Also those that are still to claim.
    pub(crate) reading: BTreeSet<PartitionId>,
    pub(crate) draining: BTreeSet<PartitionId>,
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Drain and release.
    pub(crate) hand_over: Vec<PartitionId>,
    pub(crate) claim: Vec<PartitionId>,
    /// Leases of this process that have no reader and are more than its share.
    pub(crate) release: Vec<(PartitionId, Epoch)>,
    /// By the database's clock; `None`: nothing is foreseen.
    pub(crate) look_again_in: Option<Duration>,
}

/// Remembers since when it knows whom.
pub(crate) struct Balance {
    terms: Terms,
    known: BTreeMap<Uuid, Acquaintance>,
}

/// Another node, as far as it takes part.
#[derive(Debug, Clone)]
struct Acquaintance {
    /// Its sign of life when it was met.
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    held: usize,
    /// Since when it lets partitions lie that are its part.
    idle_since: Option<Timestamp>,
    passed_over_until: Option<Timestamp>,
    /// In times to live.
    next_pass: u32,
}

impl Acquaintance {
    fn new(seen_at: Timestamp) -> Self {
        Self {
            first_seen_at: seen_at,
            last_seen_at: seen_at,
            held: 0,
            idle_since: None,
            passed_over_until: None,
            next_pass: FIRST_PASS,
        }
    }

    /// Whether it will be there to take what is handed over.
    fn stays(&self, now: Timestamp, interval: Duration) -> bool {
        let again = self.last_seen_at.since(self.first_seen_at) >= interval / 2;
        again && now.since(self.last_seen_at) <= interval * 2
    }
}

impl Balance {
    pub(crate) fn new(terms: Terms) -> Self {
        Self {
            terms,
            known: BTreeMap::new(),
        }
    }

    /// `partitions` are those of the hub.
    pub(crate) fn plan(
        &mut self,
        partitions: &BTreeSet<PartitionId>,
        survey: &Survey,
        mine: &Mine,
    ) -> Plan {
        let standing = Standing::of(&self.terms, partitions, survey, mine);
        self.meet(survey, &standing);
        let everyone = self.shares(&standing, |_| true);
        let steady = self.shares(&standing, |known| {
            known.stays(survey.now, self.terms.interval)
        });
        let me = self.terms.incarnation;
        let mut plan = Plan::default();
        let share = everyone.get(&me).copied().unwrap_or_default();
        let lack = share.saturating_sub(standing.reading.len());
        plan.take_up(&standing, lack);
        let dealt = deal(
            &everyone,
            &standing,
            me,
            lack.saturating_sub(plan.claim.len()),
        );
        plan.claim.extend(dealt.mine);
        self.watch_idle(survey.now, &dealt.others);
        let kept = steady.get(&me).copied().unwrap_or_default();
        let surplus = standing.reading.len().saturating_sub(kept);
        plan.hand_over = standing.longest_held(surplus, partitions.len());
        let awaits = lack > plan.claim.len() && standing.has_surplus(&everyone);
        let uneven = surplus > 0 || awaits || !standing.free.is_empty();
        plan.look_again_in = self.next_look(survey, uneven);
        plan
    }

    /// Gets to know who is new and forgets who is gone.
    fn meet(&mut self, survey: &Survey, standing: &Standing) {
        let (now, terms) = (survey.now, &self.terms);
        let alive: BTreeMap<_, _> = survey
            .nodes
            .iter()
            .filter(|node| terms.takes_part(node, now))
            .map(|node| (node.incarnation, node.last_seen_at))
            .collect();
        self.known.retain(|id, _| alive.contains_key(id));
        for (id, seen_at) in alive {
            let known = self
                .known
                .entry(id)
                .or_insert_with(|| Acquaintance::new(seen_at));
            let held = standing.held(id);
            if held > known.held {
                // It takes partitions: nothing is wrong with it.
                *known = Acquaintance {
                    first_seen_at: known.first_seen_at,
                    ..Acquaintance::new(seen_at)
                };
            }
            (known.held, known.last_seen_at) = (held, seen_at);
            known.passed_over_until = known.passed_over_until.filter(|until| *until > now);
        }
    }

    /// The share of each node that takes part, our own included. One that is passed over keeps what
    /// it has.
    fn shares(
        &self,
        standing: &Standing,
        counts: impl Fn(&Acquaintance) -> bool,
    ) -> BTreeMap<Uuid, usize> {
        let me = self.terms.incarnation;
        let mut left = standing.partitions;
        let mut shares = BTreeMap::new();
        let mut nodes = vec![(standing.held(me), me)];
        for (id, known) in self.known.iter().filter(|(_, known)| counts(known)) {
            if known.passed_over_until.is_some() {
                left = left.saturating_sub(known.held);
                shares.insert(*id, known.held);
            } else {
                nodes.push((known.held, *id));
            }
        }
        let (each, odd) = (left / nodes.len(), left % nodes.len());
        // An odd one stays with who has it; else the order of the ids decides, which is the same on
        // every node and does not change while partitions move.
        nodes.sort_unstable_by_key(|(held, id)| (*held <= each, *id));
        let share =
            |(place, (_, id)): (usize, (usize, Uuid))| (id, each + usize::from(place < odd));
        shares.extend(nodes.into_iter().enumerate().map(share));
        shares
    }

    /// Whose part has been lying for a time to live is passed over.
    fn watch_idle(&mut self, now: Timestamp, dealt: &BTreeSet<Uuid>) {
        let ttl = self.terms.ttl;
        for (id, known) in &mut self.known {
            if !dealt.contains(id) {
                known.idle_since = None;
                continue;
            }
            let since = *known.idle_since.get_or_insert(now);
            if now.since(since) >= ttl {
                tracing::warn!(incarnation = %id, "a node leaves partitions unread that are its part: it is passed over");
                known.idle_since = None;
                known.passed_over_until = Some(now.plus(ttl * known.next_pass));
                known.next_pass = (known.next_pass * 2).min(LONGEST_PASS);
            }
        }
    }

    /// When the picture changes by itself: a lease or a node expires, a node has been idle for too
    /// long or passed over for long enough.
    fn next_look(&self, survey: &Survey, uneven: bool) -> Option<Duration> {
        let (now, ttl) = (survey.now, self.terms.ttl);
        let leases = survey.leases.iter().filter_map(|lease| {
            let foreign = lease.incarnation != Some(self.terms.incarnation);
            lease.expires_at.filter(|_| foreign)
        });
        let nodes = survey.nodes.iter().map(|node| node.last_seen_at.plus(ttl));
        let known = self.known.values().flat_map(|known| {
            let idle = known.idle_since.map(|since| since.plus(ttl));
            [idle, known.passed_over_until].into_iter().flatten()
        });
        let changes = leases.chain(nodes).chain(known).filter(|at| *at > now);
        let soon = uneven.then_some(UNEVEN_LOOK);
        changes.map(|at| at.since(now)).chain(soon).min()
    }
}

impl Terms {
    /// Whether the other node is alive and reads. A row of our own name is ours or our
    /// predecessor's.
    fn takes_part(&self, node: &NodeSeen, now: Timestamp) -> bool {
        let reads = node.roles.iter().any(|role| role == INGEST);
        reads && node.name != self.node && now.since(node.last_seen_at) < self.ttl
    }
}

impl Plan {
    /// A lease that this process has without a reader is read again, or given back.
    fn take_up(&mut self, standing: &Standing, lack: usize) {
        for (place, (id, epoch)) in standing.idle_leases.iter().enumerate() {
            if place < lack {
                self.claim.push(*id);
            } else {
                self.release.push((*id, *epoch));
            }
        }
    }
}

/// Who holds what, by the database's clock.
struct Standing {
    partitions: usize,
    held: BTreeMap<Uuid, usize>,
    /// Anybody's to claim, in order.
    free: Vec<PartitionId>,
    /// This process's readers, but for those whose lease somebody else has.
    reading: BTreeSet<PartitionId>,
    draining: usize,
    /// Held by this process without a reader.
    idle_leases: Vec<(PartitionId, Epoch)>,
    /// This process's leases with a reader that is not draining, the longest held first.
    movable: Vec<PartitionId>,
}

impl Standing {
    fn of(terms: &Terms, partitions: &BTreeSet<PartitionId>, survey: &Survey, mine: &Mine) -> Self {
        let me = terms.incarnation;
        let mut standing = Self {
            partitions: partitions.len(),
            held: BTreeMap::new(),
            free: Vec::new(),
            reading: BTreeSet::new(),
            draining: mine.draining.len(),
            idle_leases: Vec::new(),
            movable: Vec::new(),
        };
        let leases: BTreeMap<_, _> = survey
            .leases
            .iter()
            .map(|lease| (lease.partition_id, lease))
            .collect();
        let mut movable = Vec::new();
        for id in partitions {
            let lease = leases.get(id).filter(|lease| is_held(lease, survey.now));
            let holder = lease.and_then(|lease| lease.incarnation);
            let has_reader = mine.reading.contains(id) || mine.draining.contains(id);
            match (holder, lease) {
                (Some(other), _) if other != me => standing.count(other),
                (_, Some(lease)) if !has_reader => {
                    standing.idle_leases.push((*id, lease.epoch));
                }
                (_, None) if !has_reader => standing.free.push(*id),
                (_, lease) => {
                    standing.count(me);
                    if mine.reading.contains(id) {
                        standing.reading.insert(*id);
                        // A younger lease has a greater epoch: it grows with the seconds.
                        movable.extend(lease.map(|lease| (lease.epoch, *id)));
                    }
                }
            }
        }
        movable.sort_unstable();
        standing.movable = movable.into_iter().map(|(_, id)| id).collect();
        standing
    }

    fn count(&mut self, incarnation: Uuid) {
        *self.held.entry(incarnation).or_default() += 1;
    }

    fn held(&self, incarnation: Uuid) -> usize {
        self.held.get(&incarnation).copied().unwrap_or_default()
    }

    /// What to hand over of a surplus now: no more than a few lie between two readers at a time.
    fn longest_held(&self, surplus: usize, partitions: usize) -> Vec<PartitionId> {
        let limit = (partitions / HAND_OVER_STEPS).max(HAND_OVERS);
        let room = limit.saturating_sub(self.draining + self.free.len());
        let count = surplus.min(room);
        self.movable.iter().copied().take(count).collect()
    }

    /// Whether somebody is going to hand over.
    fn has_surplus(&self, shares: &BTreeMap<Uuid, usize>) -> bool {
        shares.iter().any(|(id, share)| self.held(*id) > *share)
    }
}

fn is_held(lease: &LeaseRow, now: Timestamp) -> bool {
    lease.expires_at.is_some_and(|at| at > now)
}

struct Dealt {
    mine: Vec<PartitionId>,
    /// Who else is to claim something now.
    others: BTreeSet<Uuid>,
}

/// Deals the free partitions to those who lack some, in the same order on every node, so that they
/// do not compete for the same ones.
fn deal(shares: &BTreeMap<Uuid, usize>, standing: &Standing, me: Uuid, my_lack: usize) -> Dealt {
    let mut free = standing.free.iter().copied();
    let mut dealt = Dealt {
        mine: Vec::new(),
        others: BTreeSet::new(),
    };
    for (id, share) in shares {
        if *id == me {
            dealt.mine.extend(free.by_ref().take(my_lack));
            continue;
        }
        let lack = share.saturating_sub(standing.held(*id));
        if free.by_ref().take(lack).count() > 0 {
            dealt.others.insert(*id);
        }
    }
    dealt
}
