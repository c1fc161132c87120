//! The owner registry: owner id → shard → owner actor.
//!
//! It cuts a batch into one slice per shard, asks every actor at once and puts the verdicts back
//! into the batch's order. An actor that dies costs a retry. A slice that kills its actor again and
//! again is halved until the one message is found; that one is poison, the rest goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::{Handler, MailboxError, Message};
use futures::future::{BoxFuture, FutureExt, join_all};
use rollcall_model::{DeadReason, OwnerId, shard_of};

use crate::blame::{DEATHS_TO_BLAME, DEATHS_TO_CONDEMN, InHand};
use crate::decoded::Decoded;
use crate::owner_actor::{Admit, Forget, OwnerActor, Refresh, ShardGauge, Stale};
use crate::status::ShardStatus;
use crate::supervisor::Slot;
use crate::verdict::Verdict;

/// Before a slice is sent again after it was lost, so that the successor is not met by a rush.
const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// One shard as its callers see it.
pub(crate) struct Shard {
    pub(crate) slot: Arc<Slot<OwnerActor>>,
    pub(crate) gauge: Arc<ShardGauge>,
}

impl Shard {
    /// Asks the shard's actor, and its successor if the answer is lost with it.
    async fn ask_until_answered<M>(&self, message: impl Fn() -> M) -> M::Result
    where
        M: Message + Send + 'static,
        M::Result: Send,
        OwnerActor: Handler<M>,
    {
        loop {
            if let Ok(answer) = self.slot.address().await.send(message()).await {
                return answer;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

/// Counts a slice for as long as somebody waits for its answer.
struct Asking<'a>(&'a ShardGauge);

impl<'a> Asking<'a> {
    fn new(gauge: &'a ShardGauge) -> Self {
        gauge.depth.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.depth.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All shards of the node. Clones are cheap.
#[derive(Clone)]
pub(crate) struct OwnerRegistry {
    shards: Arc<Vec<Shard>>,
}

impl OwnerRegistry {
    pub(crate) fn new(shards: Vec<Shard>) -> Self {
        Self {
            shards: Arc::new(shards),
        }
    }

    pub(crate) fn slot_of(&self, owner_id: &OwnerId) -> Option<&Arc<Slot<OwnerActor>>> {
        self.shards
            .get(shard_of(owner_id, self.shards.len()))
            .map(|shard| &shard.slot)
    }

    /// The verdict of every message of the batch, in order. Waits as long as it takes: while the
    /// database is away, newcomers cannot be entered, and that pauses the reader.
    pub(crate) async fn admit(&self, batch: &Arc<Decoded>) -> Vec<Verdict> {
        let slices = self.slices(batch);
        let answers = join_all(
            slices
                .iter()
                .map(|(shard, indices)| self.admit_slice(*shard, batch, indices.clone())),
        );
        let mut verdicts = vec![Verdict::Dead(DeadReason::Poison); batch.messages.len()];
        for ((_, indices), answer) in slices.iter().zip(answers.await) {
            for (index, verdict) in indices.iter().zip(answer) {
                if let Some(slot) = verdicts.get_mut(*index as usize) {
                    *slot = verdict;
                }
            }
        }
        verdicts
    }

    /// The messages of each shard that has any.
    fn slices(&self, batch: &Decoded) -> Vec<(usize, Vec<u32>)> {
        let mut slices = vec![Vec::new(); self.shards.len()];
        for (index, message) in (0..).zip(&batch.messages) {
            if let Some(slice) = slices.get_mut(shard_of(&message.owner_id, self.shards.len())) {
                slice.push(index);
            }
        }
        slices
            .into_iter()
            .enumerate()
            .filter(|(_, slice)| !slice.is_empty())
            .collect()
    }

    fn admit_slice<'a>(
        &'a self,
        shard: usize,
        batch: &'a Arc<Decoded>,
        indices: Vec<u32>,
    ) -> BoxFuture<'a, Vec<Verdict>> {
        async move {
            let enough = if indices.len() == 1 {
                DEATHS_TO_CONDEMN
            } else {
                DEATHS_TO_BLAME
            };
            let mut deaths = 0;
            while deaths < enough {
                match self.ask(shard, batch, indices.clone()).await {
                    Ok(verdicts) => return verdicts,
                    Err(true) => {
                        deaths += 1;
                        self.forgive(shard);
                    }
                    Err(false) => {}
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            self.bisect(shard, batch, indices).await
        }
        .boxed()
    }

    /// A death that a message is to blame for says nothing against the actor.
    fn forgive(&self, shard: usize) {
        if let Some(shard) = self.shards.get(shard) {
            shard.slot.forgive_death();
        }
    }

    async fn bisect(
        &self,
        shard: usize,
        batch: &Arc<Decoded>,
        mut indices: Vec<u32>,
    ) -> Vec<Verdict> {
        if indices.len() <= 1 {
            let number = indices
                .first()
                .and_then(|index| batch.messages.get(*index as usize));
            let sequence_number = number.map(|message| message.sequence_number.0);
            tracing::error!(
                shard,
                ?sequence_number,
                "a message is poison: it becomes a dead letter"
            );
            return vec![Verdict::Dead(DeadReason::Poison); indices.len()];
        }
        let second = indices.split_off(indices.len() / 2);
        let mut verdicts = self.admit_slice(shard, batch, indices).await;
        verdicts.extend(self.admit_slice(shard, batch, second).await);
        verdicts
    }

    /// `Err`: the actor died; whether it did so with this slice in its hands.
    async fn ask(
        &self,
        shard: usize,
        batch: &Arc<Decoded>,
        indices: Vec<u32>,
    ) -> Result<Vec<Verdict>, bool> {
        let Some(Shard { slot, gauge }) = self.shards.get(shard) else {
            return Err(false);
        };
        let address = slot.address().await;
        let in_hand = InHand::default();
        let question = Admit {
            batch: Arc::clone(batch),
            indices,
            in_hand: in_hand.clone(),
        };
        let asking = Asking::new(gauge);
        let count = question.indices.len();
        let answer = address.send(question).await;
        drop(asking);
        match answer {
            // An answer that does not fit its question would shift verdicts to others' messages.
            Ok(Ok(verdicts)) if verdicts.len() == count => Ok(verdicts),
            Ok(Ok(_)) => Err(false),
            Ok(Err(_)) | Err(MailboxError::Closed | MailboxError::Timeout) => Err(in_hand.is_up()),
        }
    }

    /// Brings what is resident of these owners up to date.
    ///
    /// # Errors
    /// If the database is away: what is not loaded by then is still stale.
    pub(crate) async fn refresh(&self, stale: Stale) -> Result<(), rollcall_store::Error> {
        let shares = match stale {
            Stale::Everybody => vec![Stale::Everybody; self.shards.len()],
            Stale::Owners(owner_ids) => self.shares(owner_ids),
        };
        let refreshing = self
            .shards
            .iter()
            .zip(shares)
            .map(|(shard, stale)| async move {
                match &stale {
                    Stale::Owners(owner_ids) if owner_ids.is_empty() => Ok(()),
                    _ => shard.ask_until_answered(|| Refresh(stale.clone())).await,
                }
            });
        join_all(refreshing).await.into_iter().collect()
    }

    fn shares(&self, owner_ids: Vec<OwnerId>) -> Vec<Stale> {
        let mut shares = vec![Vec::new(); self.shards.len()];
        for owner_id in owner_ids {
            if let Some(share) = shares.get_mut(shard_of(&owner_id, self.shards.len())) {
                share.push(owner_id);
            }
        }
        shares.into_iter().map(Stale::Owners).collect()
    }

    /// Forgets everybody; whoever sends is looked up again.
    pub(crate) async fn forget(&self) {
        join_all(
            self.shards
                .iter()
                .map(|shard| shard.ask_until_answered(|| Forget)),
        )
        .await;
    }

    pub(crate) fn status(&self) -> Vec<ShardStatus> {
        let status = |(shard, parts): (usize, &Shard)| ShardStatus {
            shard,
            depth: parts.gauge.depth.load(Ordering::Relaxed),
            owners: parts.gauge.owners.load(Ordering::Relaxed),
            restarts: parts.slot.restarts(),
        };
        self.shards.iter().enumerate().map(status).collect()
    }
}
