//! What the rest of the node may ask of the pipeline.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Handler, MailboxError, Message};
use rollcall_model::{
    Clock, CreatedBy, Owner, OwnerId, OwnerState, Settings, SubOwner, SubOwnerId, SubOwnerState,
};
use rollcall_source::DecodeConfig;
use rollcall_store::{Change, Newcomer, OwnerPatch, Store, Stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::Directory;
use crate::lease_gauge::LeaseGauge;
use crate::metrics::Metrics;
use crate::owner_actor::{ChangeOwner, CreateOwner, EnterSubOwner, OwnerActor};
use crate::owner_registry::OwnerRegistry;
use crate::policy::Policy;
use crate::provisioning::HandOutcome;
use crate::rate::{Rate, SAMPLE_INTERVAL};
use crate::readers::Readers;
use crate::replay::Replays;
use crate::{Error, PipelineStatus, Readiness};

/// How long a request by hand waits for the database before whoever asked is told to come again.
const HAND_LIMIT: Duration = Duration::from_secs(20);

/// An owner to create by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOwner {
    pub owner_id: OwnerId,
    pub display_name: Option<String>,
    pub settings: Settings,
}

/// What became of a creation by hand.
#[derive(Debug, Clone, PartialEq)]
pub enum Creation<T> {
    Created(T),
    /// Somebody was quicker, by hand or by stream.
    Existed(T),
    /// The owner (or sub-owner) is deleted and does not come back by creation.
    Deleted(T),
    /// A sub-owner needs its owner first.
    NoOwner,
}

pub(crate) struct Inner {
    pub(crate) registry: OwnerRegistry,
    pub(crate) directory: Arc<Directory>,
    pub(crate) store: Store,
    pub(crate) decode: DecodeConfig,
    /// Only in a node that reads.
    pub(crate) source: Option<rollcall_source::Source>,
    /// Empty until the hub was reached for the first time.
    pub(crate) readers: Arc<OnceLock<Arc<Readers>>>,
    pub(crate) leases: LeaseGauge,
    /// The node's sign of life, which ends with the drain.
    pub(crate) reporting: TaskTracker,
    /// The generation that is being read; empty as long as `readers`.
    pub(crate) stream: OnceLock<Arc<arc_swap::ArcSwap<Stream>>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Age at which statuses go.
    pub(crate) status_retention: Option<Duration>,
    pub(crate) policy: Policy,
    pub(crate) io: tokio::runtime::Handle,
    pub(crate) replays: Replays,
    pub(crate) drain: CancellationToken,
    pub(crate) drain_timeout: Duration,
    pub(crate) gave_up: watch::Receiver<Option<String>>,
    pub(crate) metrics: Metrics,
    pub(crate) rate: Rate,
    /// Kept so that the actors' threads live as long as the pipeline.
    pub(crate) _arbiters: Vec<actix_rt::Arbiter>,
}

/// The running pipeline. Clones are cheap.
#[derive(Clone)]
pub struct Handle {
    pub(crate) inner: Arc<Inner>,
}

impl Handle {
    /// Creates an owner by hand, through the same actor as a creation by stream.
    ///
    /// # Errors
    /// If the database is away for too long, or the actor died: nothing is known then, ask again.
    pub async fn create_owner(&self, owner: NewOwner) -> Result<Creation<Owner>, Error> {
        let owner_id = owner.owner_id.clone();
        let outcome = self.ask(&owner_id, CreateOwner(owner)).await?;
        let outcome = outcome.map_err(|_| restarting(&owner_id))?;
        let owner = self.inner.store.owner(&owner_id).await?;
        // An owner's row is never removed, so it is there once the actor says so.
        let owner = owner.ok_or_else(|| restarting(&owner_id))?;
        Ok(match outcome {
            HandOutcome::Created => Creation::Created(owner),
            HandOutcome::Existed => Creation::Existed(owner),
            HandOutcome::Deleted => Creation::Deleted(owner),
        })
    }

    /// Enters a sub-owner by hand below an owner that is on the roll.
    ///
    /// # Errors
    /// As [`Handle::create_owner`].
    pub async fn create_sub_owner(
        &self,
        owner_id: OwnerId,
        sub_owner_id: SubOwnerId,
    ) -> Result<Creation<SubOwner>, Error> {
        let owner = self.inner.store.owner(&owner_id).await?;
        if owner.is_none_or(|owner| owner.state == OwnerState::Deleted) {
            return Ok(Creation::NoOwner);
        }
        let newcomer = Newcomer {
            owner_id: owner_id.clone(),
            sub_owner_ids: vec![sub_owner_id.clone()],
            state: OwnerState::Active,
            created_by: CreatedBy::Api,
            sub_owners_created_by: CreatedBy::Api,
            display_name: None,
            settings: Settings::default(),
        };
        let entered = self.ask(&owner_id, EnterSubOwner { newcomer }).await??;
        let created = entered.is_some_and(|entered| entered.sub_owners_created > 0);
        let found = self.inner.store.sub_owner(&owner_id, &sub_owner_id).await?;
        Ok(match found {
            Some(sub_owner) if created => Creation::Created(sub_owner),
            Some(sub_owner) if sub_owner.state == SubOwnerState::Deleted => {
                Creation::Deleted(sub_owner)
            }
            Some(sub_owner) => Creation::Existed(sub_owner),
            None => Creation::NoOwner,
        })
    }

    /// Changes an owner; the change applies to every batch that is admitted after the answer.
    ///
    /// # Errors
    /// As [`Handle::create_owner`].
    pub async fn change_owner(
        &self,
        owner_id: OwnerId,
        patch: OwnerPatch,
    ) -> Result<Change, Error> {
        let change = ChangeOwner {
            owner_id: owner_id.clone(),
            patch,
        };
        Ok(self.ask(&owner_id, change).await??)
    }

    /// Keeps the rate up to date for as long as the pipeline lives.
    pub(crate) async fn watch_rate(inner: std::sync::Weak<Inner>) {
        while let Some(inner) = inner.upgrade() {
            inner.rate.sample(inner.metrics.stored());
            drop(inner);
            tokio::time::sleep(SAMPLE_INTERVAL).await;
        }
    }

    async fn ask<M>(&self, owner_id: &OwnerId, message: M) -> Result<M::Result, Error>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        OwnerActor: Handler<M>,
    {
        let slot = self
            .inner
            .registry
            .slot_of(owner_id)
            .ok_or_else(|| restarting(owner_id))?;
        let asked = async {
            let address = slot.address().await;
            address.send(message).await
        };
        match tokio::time::timeout(HAND_LIMIT, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(MailboxError::Closed | MailboxError::Timeout)) => Err(restarting(owner_id)),
            Err(_) => Err(Error::TimedOut {
                actor: actor_of(owner_id),
                seconds: HAND_LIMIT.as_secs(),
            }),
        }
    }

    #[must_use]
    pub fn status(&self) -> PipelineStatus {
        PipelineStatus {
            readers: self
                .inner
                .readers
                .get()
                .map(|readers| readers.status())
                .unwrap_or_default(),
            leases: self.inner.leases.status(),
            shards: self.inner.registry.status(),
            statuses_per_second: self.inner.rate.per_second(),
            resident_entries: self.inner.directory.resident_entries(),
        }
    }

    /// Whether the node should get traffic: the database takes writes, the hub was reached (if the
    /// node reads), the leases are renewed, the node does not drain. A node without a lease is
    /// ready too.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let mut reasons = Vec::new();
        if let Some(fault) = self.inner.store.health().fault {
            // The causes are in the log; they are no caller's business.
            reasons.push(format!(
                "the database takes no writes since {}",
                fault.since
            ));
        }
        if self.inner.source.is_some() && self.inner.readers.get().is_none() {
            reasons.push("the event hub was not reached yet".to_owned());
        }
        if let Some(since) = self.inner.leases.status().failing_since {
            reasons.push(format!("the leases are not renewed since {since}"));
        }
        if self.inner.drain.is_cancelled() {
            reasons.push("the node drains".to_owned());
        }
        Readiness {
            ready: reasons.is_empty(),
            reasons,
            warnings: self
                .inner
                .readers
                .get()
                .map(|readers| readers.gaps())
                .unwrap_or_default(),
        }
    }

    /// Resolves with a sentence when an actor died too often: the node must exit non-zero.
    pub async fn gave_up(&self) -> String {
        let mut gave_up = self.inner.gave_up.clone();
        let sentence = match gave_up.wait_for(Option::is_some).await {
            Ok(sentence) => sentence.clone(),
            Err(_) => None,
        };
        sentence.unwrap_or_else(|| "the pipeline ended".to_owned())
    }

    /// Stops reading, commits what is in flight, releases the leases, within the configured time.
    pub async fn drain(&self) {
        self.inner.drain.cancel();
        self.inner.reporting.close();
        let read = async {
            if let Some(readers) = self.inner.readers.get() {
                readers.drain().await;
            }
        };
        let drained = async { tokio::join!(self.inner.reporting.wait(), read) };
        if tokio::time::timeout(self.inner.drain_timeout, drained)
            .await
            .is_err()
        {
            tracing::warn!("the drain takes too long: what is in flight is read again");
        }
    }

    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        self.inner.metrics.register(registry);
        self.inner.leases.register(registry);
        if let Some(source) = &self.inner.source {
            source.register_metrics(registry);
        }
    }
}

fn restarting(owner_id: &OwnerId) -> Error {
    Error::Restarting {
        actor: actor_of(owner_id),
    }
}

fn actor_of(owner_id: &OwnerId) -> String {
    format!("the owner actor of {owner_id}")
}
