//! What the API asks of the pipeline: a narrow trait, so that the API runs (and is tested) without
//! a hub.

use async_trait::async_trait;
use rollcall_model::{Owner, OwnerId, PartitionId, SubOwner, SubOwnerId};
use rollcall_pipeline::{
    Creation, Error, Handle, LetterOutcome, NewOwner, PipelineStatus, Readiness, ReplayProgress,
    ReplayRefusal, ReplayRequest,
};
use rollcall_store::{Change, DeadLetterId, OwnerPatch};

/// Creates and changes owners, and tells how this node is. The methods mean what those of
/// [`Handle`] mean.
#[async_trait(?Send)]
pub trait OwnerDesk: Send + Sync + 'static {
    async fn create_owner(&self, owner: NewOwner) -> Result<Creation<Owner>, Error>;
    async fn create_sub_owner(
        &self,
        owner_id: OwnerId,
        sub_owner_id: SubOwnerId,
    ) -> Result<Creation<SubOwner>, Error>;
    async fn change_owner(&self, owner_id: OwnerId, patch: OwnerPatch) -> Result<Change, Error>;
    async fn replay_letter(
        &self,
        id: DeadLetterId,
        mended: Option<Vec<u8>>,
    ) -> Result<LetterOutcome, Error>;
    async fn start_replay(
        &self,
        request: ReplayRequest,
    ) -> Result<Result<ReplayProgress, ReplayRefusal>, Error>;
    fn replay(&self, partition_id: PartitionId) -> Option<ReplayProgress>;
    fn status(&self) -> PipelineStatus;
    fn readiness(&self) -> Readiness;
}

#[async_trait(?Send)]
impl OwnerDesk for Handle {
    async fn create_owner(&self, owner: NewOwner) -> Result<Creation<Owner>, Error> {
        Handle::create_owner(self, owner).await
    }

    async fn create_sub_owner(
        &self,
        owner_id: OwnerId,
        sub_owner_id: SubOwnerId,
    ) -> Result<Creation<SubOwner>, Error> {
        Handle::create_sub_owner(self, owner_id, sub_owner_id).await
    }

    async fn change_owner(&self, owner_id: OwnerId, patch: OwnerPatch) -> Result<Change, Error> {
        Handle::change_owner(self, owner_id, patch).await
    }

    async fn replay_letter(
        &self,
        id: DeadLetterId,
        mended: Option<Vec<u8>>,
    ) -> Result<LetterOutcome, Error> {
        Handle::replay_letter(self, id, mended).await
    }

    async fn start_replay(
        &self,
        request: ReplayRequest,
    ) -> Result<Result<ReplayProgress, ReplayRefusal>, Error> {
        Handle::start_replay(self, request).await
    }

    fn replay(&self, partition_id: PartitionId) -> Option<ReplayProgress> {
        Handle::replay(self, partition_id)
    }

    fn status(&self) -> PipelineStatus {
        Handle::status(self)
    }

    fn readiness(&self) -> Readiness {
        Handle::readiness(self)
    }
}
