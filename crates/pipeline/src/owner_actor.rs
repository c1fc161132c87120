//! The owner actor: the one place of a shard's owners on this node.
//!
//! It owns the shard's part of the directory and is its only writer. Its mailbox serializes
//! creation: whoever meets a newcomer of the shard, from whatever partition or by hand, asks this
//! actor. It decides about slices of batches, calibrates, and enters newcomers, with one
//! provisioning transaction in flight. It never waits: a slice with a newcomer is parked and
//! answered when its transaction is done.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, ActorResponse, AsyncContext, Context, Handler, Message, WrapFuture,
};
use rand::Rng;
use rollcall_model::{DeadReason, DropReason, EventSource, OwnerId, StatusMessage, SubOwnerId};
use rollcall_store::{Error, Newcomer, Provisioned, Store};
use tokio::sync::oneshot;

use crate::blame::InHand;
use crate::claims::Claims;
use crate::decoded::Decoded;
use crate::directory::DirectoryShard;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::provisioning::{self, HandOutcome, Outcome, Waitlist, Wanted};
use crate::quotas::Quotas;
use crate::supervisor::Lifeline;
use crate::verdict::{self, Verdict};

mod by_hand;
mod refresh;

pub(crate) use by_hand::{ChangeOwner, CreateOwner, EnterSubOwner};
use refresh::Loads;
pub(crate) use refresh::{Forget, Refresh, Stale};

/// Slices and requests that may wait in the mailbox: a few windows of every partition of a large
/// hub. Whoever comes later waits for room, which is back-pressure.
const MAILBOX: usize = 1_024;
/// Between two tries of a provisioning transaction that failed; with jitter.
const RETRY: Duration = Duration::from_millis(250);

/// A reader's question: what becomes of these messages?
#[derive(Message)]
#[rtype(result = "Result<Vec<Verdict>, Lost>")]
pub(crate) struct Admit {
    pub(crate) batch: Arc<Decoded>,
    /// Which of the batch's messages belong to this shard.
    pub(crate) indices: Vec<u32>,
    pub(crate) in_hand: InHand,
}

/// The answer was lost with the actor: ask its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// What others see of the actor.
#[derive(Debug, Default)]
pub(crate) struct ShardGauge {
    pub(crate) owners: AtomicU64,
    /// Slices sent to the actor and not answered.
    pub(crate) depth: AtomicU64,
}

/// What every incarnation of a shard's actor is made of.
#[derive(Clone)]
pub(crate) struct OwnerActorParts {
    pub(crate) store: Store,
    pub(crate) source: EventSource,
    pub(crate) gauge: Arc<ShardGauge>,
    pub(crate) metrics: Metrics,
    pub(crate) claims: Claims,
    pub(crate) policy: Arc<Policy>,
    pub(crate) quotas: Arc<Quotas>,
}

pub(crate) struct OwnerActor {
    parts: OwnerActorParts,
    directory: DirectoryShard,
    waitlist: Waitlist,
    parked: Vec<Parked>,
    provisioning: bool,
    loads: Loads,
    /// What the database refused to enter; forgotten when the slices that brought it are answered.
    refused: HashSet<(OwnerId, SubOwnerId)>,
    /// Whom policy kept out of the last transaction, and why; forgotten with it, for a hand on another
    /// node may enter them at any time.
    kept_out: HashMap<OwnerId, DropReason>,
    /// The same of sub-owners for which there is no room.
    sub_owners_kept_out: HashSet<(OwnerId, SubOwnerId)>,
    _lifeline: Lifeline,
}

/// A slice that waits for newcomers.
struct Parked {
    admit: Admit,
    verdicts: Vec<Option<Verdict>>,
    answer: oneshot::Sender<Vec<Verdict>>,
}

impl Actor for OwnerActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        self.note_owners();
    }
}

impl OwnerActor {
    pub(crate) fn new(
        parts: OwnerActorParts,
        directory: DirectoryShard,
        lifeline: Lifeline,
    ) -> Self {
        Self {
            directory,
            waitlist: Waitlist::new(Arc::clone(&parts.policy)),
            parked: Vec::new(),
            provisioning: false,
            loads: Loads::default(),
            refused: HashSet::new(),
            kept_out: HashMap::new(),
            sub_owners_kept_out: HashSet::new(),
            parts,
            _lifeline: lifeline,
        }
    }

    /// Decides what is not decided yet; whom it does not know it puts on the waitlist. Returns
    /// whether all is decided.
    fn decide(&mut self, admit: &Admit, verdicts: &mut [Option<Verdict>]) -> bool {
        let mut complete = true;
        let undecided = admit
            .indices
            .iter()
            .zip(verdicts)
            .filter(|(_, verdict)| verdict.is_none());
        for (index, verdict) in undecided {
            let Some(message) = admit.batch.messages.get(*index as usize) else {
                continue;
            };
            trip(message);
            *verdict = self.judge(message);
            if verdict.is_none() {
                self.waitlist.want(&message.owner_id, &message.sub_owner_id);
                complete = false;
            }
        }
        complete
    }

    /// A batch is calibrated by one version of each owner: where a message of an owner is still
    /// undecided, its others are decided once more with it.
    fn decide_anew(&self, admit: &Admit, verdicts: &mut [Option<Verdict>]) {
        let messages = &admit.batch.messages;
        let message = |index: &u32| messages.get(*index as usize);
        let undecided: HashSet<&OwnerId> = admit
            .indices
            .iter()
            .zip(verdicts.iter())
            .filter(|(_, verdict)| verdict.is_none())
            .filter_map(|(index, _)| message(index).map(|message| &message.owner_id))
            .collect();
        for (index, verdict) in admit.indices.iter().zip(verdicts) {
            if let Some(message) = message(index).filter(|m| undecided.contains(&m.owner_id)) {
                *verdict = self.judge(message).or(*verdict);
            }
        }
    }

    fn judge(&self, message: &StatusMessage) -> Option<Verdict> {
        let known = self
            .directory
            .get(&message.owner_id)
            .and_then(|entry| verdict::judge(&entry, message));
        if known.is_some() {
            return known;
        }
        if let Some(reason) = self.kept_out.get(&message.owner_id) {
            return Some(Verdict::Drop(*reason));
        }
        if self.refused.is_empty() && self.sub_owners_kept_out.is_empty() {
            return None;
        }
        let key = (message.owner_id.clone(), message.sub_owner_id.clone());
        if self.sub_owners_kept_out.contains(&key) {
            return Some(Verdict::Drop(DropReason::SubOwnerQuota));
        }
        self.refused
            .contains(&key)
            .then_some(Verdict::Dead(DeadReason::RefusedByStore))
    }

    fn provision_next(&mut self, context: &mut Context<Self>) {
        if self.provisioning || self.waitlist.is_empty() {
            return;
        }
        fail::fail_point!("owner.provision");
        self.provisioning = true;
        self.loads.begin();
        let taken = self.waitlist.take();
        let newcomers = taken.iter().map(newcomer_of).collect();
        let desk = provisioning::Desk {
            store: self.parts.store.clone(),
            source: self.parts.source.clone(),
            claims: self.parts.claims.clone(),
            policy: Arc::clone(&self.parts.policy),
            quotas: Arc::clone(&self.parts.quotas),
        };
        let transaction = async move { desk.provision(newcomers).await };
        let done = transaction.into_actor(self).map(|answer, actor, context| {
            actor.provisioning = false;
            match answer {
                Ok(outcome) => actor.entered(taken, outcome, context),
                Err(error) => actor.not_entered(taken, &error, context),
            }
        });
        context.spawn(done);
    }

    fn entered(
        &mut self,
        mut taken: BTreeMap<OwnerId, Wanted>,
        outcome: Outcome,
        context: &mut Context<Self>,
    ) {
        self.waitlist.widen();
        let Outcome {
            provisioned,
            denied,
            kept_out,
        } = outcome;
        let brought = provisioned
            .iter()
            .map(|entered| entered.record.owner_id.clone());
        let again = self.loads.end(brought);
        for entered in provisioned {
            self.directory.put(&entered.record);
            self.parts.metrics.note_provisioned(&entered);
            if let Some(wanted) = taken.remove(&entered.record.owner_id) {
                answer_hands(wanted, &entered);
            }
        }
        self.reload(again, context);
        let denied = denied.into_iter().map(|id| (id, DropReason::Denied));
        let beyond = kept_out
            .owners
            .into_iter()
            .map(|id| (id, DropReason::Quota));
        self.kept_out.extend(denied.chain(beyond));
        self.sub_owners_kept_out.extend(kept_out.sub_owners);
        self.resume_parked();
        self.kept_out.clear();
        self.sub_owners_kept_out.clear();
        self.directory.evict();
        self.note_owners();
        self.provision_next(context);
    }

    fn not_entered(
        &mut self,
        taken: BTreeMap<OwnerId, Wanted>,
        error: &Error,
        context: &mut Context<Self>,
    ) {
        tracing::warn!(error = %crate::error::chain(error), "newcomers are not entered yet");
        self.loads.end(std::iter::empty());
        if provisioning::is_refusal(error) {
            let refused = taken
                .values()
                .map(|wanted| wanted.sub_owner_ids.len().max(1))
                .sum();
            if refused <= 1 {
                self.refuse(taken);
                self.resume_parked();
                return self.provision_next(context);
            }
            self.waitlist.narrow(refused);
        }
        self.waitlist.put_back(taken);
        // Counts as under way until the pause is over, whoever asks meanwhile.
        self.provisioning = true;
        let pause = RETRY.mul_f64(rand::rng().random_range(0.5..1.5));
        context.run_later(pause, |actor, context| {
            actor.provisioning = false;
            actor.provision_next(context);
        });
    }

    fn refuse(&mut self, taken: BTreeMap<OwnerId, Wanted>) {
        for (owner_id, wanted) in taken {
            for sub_owner_id in wanted.sub_owner_ids {
                self.refused.insert((owner_id.clone(), sub_owner_id));
            }
        }
    }

    fn resume_parked(&mut self) {
        for mut parked in std::mem::take(&mut self.parked) {
            parked.admit.in_hand.raise();
            self.decide_anew(&parked.admit, &mut parked.verdicts);
            if self.decide(&parked.admit, &mut parked.verdicts) {
                parked.answer();
            } else {
                parked.admit.in_hand.lower();
                self.parked.push(parked);
            }
        }
        if self.parked.is_empty() {
            self.refused.clear();
        }
    }

    fn note_owners(&self) {
        self.parts
            .gauge
            .owners
            .store(self.directory.owners() as u64, Ordering::Relaxed);
    }
}

impl Parked {
    fn answer(self) {
        let Self {
            admit,
            verdicts,
            answer,
        } = self;
        let verdicts = verdicts.into_iter().flatten().collect();
        admit.in_hand.lower();
        // The reader gets its batch back whole: no other holder is left when the answer arrives.
        drop(admit);
        // A reader that died meanwhile reads the batch again.
        answer.send(verdicts).ok();
    }
}

fn newcomer_of((owner_id, wanted): (&OwnerId, &Wanted)) -> (OwnerId, Newcomer) {
    let sub_owner_ids = wanted.sub_owner_ids.iter().cloned().collect();
    (
        owner_id.clone(),
        Newcomer {
            sub_owner_ids,
            ..wanted.newcomer.clone()
        },
    )
}

fn answer_hands(wanted: Wanted, entered: &Provisioned) {
    use rollcall_model::{CreatedBy, OwnerState};
    let mut by_hand = entered.created && wanted.newcomer.created_by == CreatedBy::Api;
    for hand in wanted.hands {
        let outcome = match entered.record.state {
            _ if std::mem::take(&mut by_hand) => HandOutcome::Created,
            OwnerState::Deleted => HandOutcome::Deleted,
            _ => HandOutcome::Existed,
        };
        // Whoever hung up does not want to know.
        hand.send(outcome).ok();
    }
}

/// Fault point: `return(ID)` kills the actor at every message of this owner.
#[allow(clippy::panic, reason = "a fault point")]
fn trip(message: &StatusMessage) {
    fail::fail_point!("owner.admit.message", |doomed| {
        let doomed: Option<String> = doomed;
        if doomed.as_deref() == Some(message.owner_id.as_str()) {
            panic!("fault point owner.admit.message: {}", message.owner_id);
        }
    });
    let _ = message;
}

impl Handler<Admit> for OwnerActor {
    type Result = ActorResponse<Self, Result<Vec<Verdict>, Lost>>;

    fn handle(&mut self, admit: Admit, context: &mut Self::Context) -> Self::Result {
        admit.in_hand.raise();
        fail::fail_point!("owner.admit");
        let mut verdicts = vec![None; admit.indices.len()];
        let complete = self.decide(&admit, &mut verdicts);
        admit.in_hand.lower();
        if complete {
            return ActorResponse::reply(Ok(verdicts.into_iter().flatten().collect()));
        }
        let (answer, answered) = oneshot::channel();
        self.parked.push(Parked {
            admit,
            verdicts,
            answer,
        });
        self.provision_next(context);
        let answered = async move { answered.await.map_err(|_| Lost) };
        ActorResponse::r#async(answered.into_actor(self))
    }
}
