//! Newcomers on their way into the roll: who is wanted, and one transaction at a time for them.
//!
//! While a transaction is in flight, further newcomers of the shard gather here, so that a storm
//! becomes a few large inserts. Who came first decides who created an owner: the stream, or the
//! first of the hands; the latter also where the stream may not enter it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{CreatedBy, EventSource, OwnerId, OwnerState, Settings, SubOwnerId};
use rollcall_store::{Error, Kind, Newcomer, OwnerRecord, Provisioned, Store};
use tokio::sync::oneshot;

use crate::NewOwner;
use crate::claims::{Claims, Turn};
use crate::policy::Policy;
use crate::quotas::{KeptOut, Quotas};

/// Owners and sub-owners of one transaction at the most: some 100 ms of a database's time.
const MOST_PER_TRANSACTION: usize = 5_000;

/// What a hand learns of its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandOutcome {
    Created,
    Existed,
    Deleted,
}

/// One owner that somebody waits for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) newcomer: Newcomer,
    pub(crate) sub_owner_ids: BTreeSet<SubOwnerId>,
    pub(crate) hands: Vec<oneshot::Sender<HandOutcome>>,
}

/// All owners that wait for a transaction.
#[derive(Debug)]
pub(crate) struct Waitlist {
    wanted: BTreeMap<OwnerId, Wanted>,
    /// Halved by each refusal of the database, until the one that it refuses stands alone.
    limit: usize,
    policy: Arc<Policy>,
}

impl Waitlist {
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self {
            wanted: BTreeMap::new(),
            limit: MOST_PER_TRANSACTION,
            policy,
        }
    }

    pub(crate) fn want(&mut self, owner_id: &OwnerId, sub_owner_id: &SubOwnerId) {
        let wanted = self.entry(owner_id, CreatedBy::Stream);
        if !wanted.sub_owner_ids.contains(sub_owner_id) {
            wanted.sub_owner_ids.insert(sub_owner_id.clone());
        }
    }

    pub(crate) fn want_by_hand(&mut self, owner: NewOwner, hand: oneshot::Sender<HandOutcome>) {
        let first = match self.wanted.get(&owner.owner_id) {
            None => true,
            Some(wanted) => self.is_denied(&wanted.newcomer),
        };
        let wanted = self.entry(&owner.owner_id, CreatedBy::Api);
        if first {
            wanted.newcomer.created_by = CreatedBy::Api;
            wanted.newcomer.state = OwnerState::Active;
            wanted.newcomer.display_name = owner.display_name;
            wanted.newcomer.settings = owner.settings;
        }
        wanted.hands.push(hand);
    }

    fn is_denied(&self, newcomer: &Newcomer) -> bool {
        newcomer.created_by == CreatedBy::Stream && self.policy.denies(&newcomer.owner_id)
    }

    fn entry(&mut self, owner_id: &OwnerId, created_by: CreatedBy) -> &mut Wanted {
        let state = self.policy.first_state(created_by);
        self.wanted
            .entry(owner_id.clone())
            .or_insert_with_key(|owner_id| Wanted {
                newcomer: Newcomer {
                    owner_id: owner_id.clone(),
                    sub_owner_ids: Vec::new(),
                    state,
                    created_by,
                    // A hand enters an owner alone: whatever stands below it came by stream.
                    sub_owners_created_by: CreatedBy::Stream,
                    display_name: None,
                    settings: Settings::default(),
                },
                sub_owner_ids: BTreeSet::new(),
                hands: Vec::new(),
            })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Takes what one transaction may hold.
    pub(crate) fn take(&mut self) -> BTreeMap<OwnerId, Wanted> {
        let mut taken = BTreeMap::new();
        let mut entries = 0;
        while entries < self.limit {
            let Some((owner_id, mut wanted)) = self.wanted.pop_first() else {
                break;
            };
            let room = self.limit - entries;
            if let Some(rest) = split_sub_owners(&mut wanted, room) {
                self.wanted.insert(owner_id.clone(), rest);
            }
            entries += 1 + wanted.sub_owner_ids.len();
            taken.insert(owner_id, wanted);
        }
        taken
    }

    /// Puts back what could not be entered.
    pub(crate) fn put_back(&mut self, taken: BTreeMap<OwnerId, Wanted>) {
        for (owner_id, mut wanted) in taken {
            if let Some(later) = self.wanted.remove(&owner_id) {
                if self.is_denied(&wanted.newcomer) {
                    wanted.newcomer = later.newcomer;
                }
                wanted.sub_owner_ids.extend(later.sub_owner_ids);
                wanted.hands.extend(later.hands);
            }
            self.wanted.insert(owner_id, wanted);
        }
    }

    /// The next transaction holds half as much.
    pub(crate) fn narrow(&mut self, refused: usize) {
        self.limit = (refused / 2).max(1);
    }

    pub(crate) fn widen(&mut self) {
        self.limit = self.limit.saturating_mul(2).min(MOST_PER_TRANSACTION);
    }
}

/// Leaves at most `room` sub-owners (at least one) with `wanted`; the rest, without hands.
fn split_sub_owners(wanted: &mut Wanted, room: usize) -> Option<Wanted> {
    let pivot = wanted.sub_owner_ids.iter().nth(room.max(1))?.clone();
    let sub_owner_ids = wanted.sub_owner_ids.split_off(&pivot);
    Some(Wanted {
        newcomer: wanted.newcomer.clone(),
        sub_owner_ids,
        hands: Vec::new(),
    })
}

/// A newcomer that is busy elsewhere is looked up again after this, and entered if it is still not
/// there: about what one small transaction takes.
const BUSY_PAUSE: Duration = Duration::from_millis(30);

/// What became of the newcomers.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) provisioned: Vec<Provisioned>,
    /// Who is not on the roll, and may not be entered by the stream.
    pub(crate) denied: Vec<OwnerId>,
    /// For whom there is no room.
    pub(crate) kept_out: KeptOut,
}

/// Where newcomers are entered.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) source: EventSource,
    pub(crate) claims: Claims,
    pub(crate) policy: Arc<Policy>,
    pub(crate) quotas: Arc<Quotas>,
}

/// Who was found, and who is to be entered.
#[derive(Default)]
struct Found {
    complete: Vec<Provisioned>,
    lacking: Lacking,
    denied: Vec<OwnerId>,
}

/// Who is to be entered.
#[derive(Default)]
struct Lacking {
    /// The owner is there, some of its sub-owners are not.
    incomplete: Vec<Newcomer>,
    missing: Vec<Newcomer>,
    /// Of the incomplete ones.
    records: HashMap<OwnerId, OwnerRecord>,
}

impl Desk {
    /// Looks everybody up, and enters those who are not there, in one transaction; in a second one
    /// those whom, as the claims had it, somebody else was entering.
    pub(crate) async fn provision(
        &self,
        wanted: Vec<(OwnerId, Newcomer)>,
    ) -> Result<Outcome, Error> {
        let newcomers = wanted.into_iter().map(|(_, newcomer)| newcomer).collect();
        let found = self.look_up(newcomers).await?;
        let mut ours = found.lacking;
        let mut outcome = Outcome {
            provisioned: found.complete,
            denied: found.denied,
            kept_out: KeptOut::default(),
        };
        let (mut others, mut busy) = (Vec::new(), false);
        let missing = std::mem::take(&mut ours.missing);
        let owner_ids = missing.iter().map(|newcomer| newcomer.owner_id.clone());
        let turns = self.claims.ask(owner_ids.collect()).await;
        for (newcomer, turn) in missing.into_iter().zip(turns) {
            busy |= turn == Turn::Busy;
            match turn {
                Turn::Ours => ours.missing.push(newcomer),
                Turn::Busy | Turn::Known => others.push(newcomer),
            }
        }
        self.enter_within(ours, &mut outcome).await?;
        if busy {
            tokio::time::sleep(BUSY_PAUSE).await;
        }
        if !others.is_empty() {
            let found = self.look_up(others).await?;
            outcome.provisioned.extend(found.complete);
            outcome.denied.extend(found.denied);
            self.enter_within(found.lacking, &mut outcome).await?;
        }
        Ok(outcome)
    }

    /// Enters those for whom there is room.
    async fn enter_within(&self, lacking: Lacking, outcome: &mut Outcome) -> Result<(), Error> {
        let Lacking {
            incomplete,
            mut missing,
            records,
        } = lacking;
        let (store, kept_out) = (&self.store, &mut outcome.kept_out);
        let reserved = self.quotas.reserve(store, &mut missing, kept_out).await?;
        let mut newcomers = incomplete;
        newcomers.extend(missing);
        let trimmed = self.quotas.trim(store, &mut newcomers, &records, kept_out);
        let entered = match trimmed.await {
            Ok(()) => {
                outcome.provisioned.extend(settled(&mut newcomers, records));
                self.enter(newcomers).await
            }
            Err(error) => Err(error),
        };
        self.quotas.settle(reserved, entered.is_ok()).await;
        outcome.provisioned.extend(entered?);
        Ok(())
    }

    async fn look_up(&self, newcomers: Vec<Newcomer>) -> Result<Found, Error> {
        let keys = newcomers
            .iter()
            .map(|newcomer| (newcomer.owner_id.clone(), newcomer.sub_owner_ids.clone()));
        let records = self.store.find_owners(keys.collect()).await?;
        let mut found = Found::default();
        for (newcomer, record) in newcomers.into_iter().zip(records) {
            match record {
                Some(record) if is_complete(&record, &newcomer) => {
                    found.complete.push(Provisioned {
                        record,
                        created: false,
                        sub_owners_created: 0,
                    });
                }
                Some(record) => {
                    let records = &mut found.lacking.records;
                    records.insert(newcomer.owner_id.clone(), record);
                    found.lacking.incomplete.push(newcomer);
                }
                None if self.denies(&newcomer) => found.denied.push(newcomer.owner_id),
                None => found.lacking.missing.push(newcomer),
            }
        }
        Ok(found)
    }

    fn denies(&self, newcomer: &Newcomer) -> bool {
        newcomer.created_by == CreatedBy::Stream && self.policy.denies(&newcomer.owner_id)
    }

    async fn enter(&self, newcomers: Vec<Newcomer>) -> Result<Vec<Provisioned>, Error> {
        if newcomers.is_empty() {
            return Ok(Vec::new());
        }
        let entered = self.store.provision(&self.source, newcomers).await?;
        // Also of those whom another node entered: what Redis holds of them may have been lost.
        self.claims
            .tell(entered.iter().map(|entered| &entered.record));
        Ok(entered)
    }
}

/// Takes out those of whom nothing is left to enter.
fn settled(
    newcomers: &mut Vec<Newcomer>,
    mut records: HashMap<OwnerId, OwnerRecord>,
) -> Vec<Provisioned> {
    let mut settled = Vec::new();
    newcomers.retain(|newcomer| {
        let record = records.remove(&newcomer.owner_id);
        let Some(record) = record.filter(|record| is_complete(record, newcomer)) else {
            return true;
        };
        settled.push(Provisioned {
            record,
            created: false,
            sub_owners_created: 0,
        });
        false
    });
    settled
}

/// Whether there is nothing to enter. Below a deleted owner nothing may be entered, and of a
/// blocked one nothing is stored.
fn is_complete(record: &OwnerRecord, newcomer: &Newcomer) -> bool {
    matches!(record.state, OwnerState::Deleted | OwnerState::Blocked)
        || record.sub_owners.len() >= newcomer.sub_owner_ids.len()
}

/// Whether the database refused the data itself.
pub(crate) fn is_refusal(error: &Error) -> bool {
    error.kind == Kind::RefusedData
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(text: &str) -> OwnerId {
        OwnerId::parse(text).unwrap()
    }

    fn sub_owner(number: usize) -> SubOwnerId {
        SubOwnerId::parse(&number.to_string()).unwrap()
    }

    #[test]
    fn who_comes_first_is_the_creator() {
        let mut waitlist = Waitlist::new(Arc::default());
        let hand = || oneshot::channel().0;
        let by_hand = |id: &str| NewOwner {
            owner_id: owner(id),
            display_name: Some("by hand".to_owned()),
            settings: Settings::default(),
        };
        waitlist.want(&owner("a"), &sub_owner(1));
        waitlist.want_by_hand(by_hand("a"), hand());
        waitlist.want_by_hand(by_hand("b"), hand());
        waitlist.want(&owner("b"), &sub_owner(1));
        let taken = waitlist.take();
        assert_eq!(taken[&owner("a")].newcomer.created_by, CreatedBy::Stream);
        assert_eq!(taken[&owner("a")].newcomer.display_name, None);
        assert_eq!(taken[&owner("b")].newcomer.created_by, CreatedBy::Api);
        assert_eq!(taken[&owner("b")].sub_owner_ids.len(), 1);
    }

    #[test]
    fn a_hand_takes_over_whom_the_stream_may_not_enter() {
        let policy = Policy {
            provisioning: crate::Provisioning::Deny,
            ..Policy::default()
        };
        let mut waitlist = Waitlist::new(Arc::new(policy));
        let by_hand = || NewOwner {
            owner_id: owner("a"),
            display_name: Some("by hand".to_owned()),
            settings: Settings::default(),
        };
        let assert_by_hand = |wanted: &Wanted| {
            assert_eq!(wanted.newcomer.created_by, CreatedBy::Api);
            assert_eq!(wanted.newcomer.display_name.as_deref(), Some("by hand"));
            assert_eq!(wanted.sub_owner_ids.len(), 1);
        };
        waitlist.want(&owner("a"), &sub_owner(1));
        waitlist.want_by_hand(by_hand(), oneshot::channel().0);
        assert_by_hand(&waitlist.take()[&owner("a")]);
        // Also if the transaction that the stream asked for failed meanwhile.
        waitlist.want(&owner("a"), &sub_owner(1));
        let taken = waitlist.take();
        waitlist.want_by_hand(by_hand(), oneshot::channel().0);
        waitlist.put_back(taken);
        assert_by_hand(&waitlist.take()[&owner("a")]);
    }

    #[test]
    fn a_transaction_is_bounded_also_within_one_owner() {
        let mut waitlist = Waitlist::new(Arc::default());
        for number in 0..MOST_PER_TRANSACTION * 2 {
            waitlist.want(&owner("a"), &sub_owner(number));
        }
        let mut seen = BTreeSet::new();
        while !waitlist.is_empty() {
            let taken = waitlist.take();
            let sub_owner_ids = taken[&owner("a")].sub_owner_ids.clone();
            assert!(sub_owner_ids.len() <= MOST_PER_TRANSACTION);
            seen.extend(sub_owner_ids);
        }
        assert_eq!(seen.len(), MOST_PER_TRANSACTION * 2);
    }

    #[test]
    fn refusals_narrow_a_transaction_down_to_one() {
        let mut waitlist = Waitlist::new(Arc::default());
        for number in 0..8 {
            waitlist.want(&owner("a"), &sub_owner(number));
        }
        let mut sizes = Vec::new();
        loop {
            let taken = waitlist.take();
            let size = taken
                .values()
                .map(|wanted| wanted.sub_owner_ids.len())
                .sum();
            sizes.push(size);
            if size == 1 {
                break;
            }
            waitlist.narrow(size);
            waitlist.put_back(taken);
        }
        assert_eq!(sizes, [8, 4, 2, 1]);
    }
}
