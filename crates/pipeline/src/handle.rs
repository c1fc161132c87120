//! What the rest of the node may ask of the pipeline.

use std::sync::Arc;

use rollcall_model::{Clock, Owner, OwnerId, Settings, SubOwner, SubOwnerId};
use rollcall_store::{Change, OwnerPatch, Store};
use tokio::runtime;

use crate::{Config, Error, PipelineStatus, Readiness};

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

/// Starts the actors on arbiters of the current actix system. `io` is the runtime that carries the
/// Event Hubs client and the database.
///
/// # Errors
/// If the hub's settings are wrong. A hub that is away is waited for.
#[allow(
    clippy::todo,
    clippy::unused_async,
    unused_variables,
    reason = "being written"
)]
pub async fn start(
    config: Config,
    source: rollcall_source::Config,
    store: Store,
    clock: Arc<dyn Clock>,
    io: runtime::Handle,
) -> Result<Handle, Error> {
    todo!()
}

/// The running pipeline. Clones are cheap.
#[derive(Clone)]
pub struct Handle {}

#[allow(
    clippy::todo,
    clippy::unused_async,
    unused_variables,
    reason = "being written"
)]
impl Handle {
    /// Creates an owner by hand, through the same actor as a creation by stream.
    pub async fn create_owner(&self, owner: NewOwner) -> Result<Creation<Owner>, Error> {
        todo!()
    }

    pub async fn create_sub_owner(
        &self,
        owner_id: OwnerId,
        sub_owner_id: SubOwnerId,
    ) -> Result<Creation<SubOwner>, Error> {
        todo!()
    }

    /// Changes an owner; the change applies to every batch that is admitted after the answer.
    pub async fn change_owner(&self, id: OwnerId, patch: OwnerPatch) -> Result<Change, Error> {
        todo!()
    }

    pub fn status(&self) -> PipelineStatus {
        todo!()
    }

    pub fn readiness(&self) -> Readiness {
        todo!()
    }

    /// Resolves with a sentence when an actor died too often: the node must exit non-zero.
    pub async fn gave_up(&self) -> String {
        todo!()
    }

    /// Stops reading, commits what is in flight, releases the leases.
    pub async fn drain(&self) {
        todo!()
    }

    pub fn register_metrics(&self, registry: &mut prometheus_client::registry::Registry) {
        todo!()
    }
}
