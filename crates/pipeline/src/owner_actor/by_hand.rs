//! What the API asks of an owner actor. A creation by hand goes the way of a creation by stream: it
//! joins the same waitlist.

use actix::{ActorFutureExt, Handler, Message, ResponseActFuture, WrapFuture};
use rollcall_model::{Owner, OwnerId};
use rollcall_store::{
    Change, Error, Newcomer, OwnerPatch, OwnerRecord, Provisioned, SubOwnerRecord,
};
use tokio::sync::oneshot;

use super::{Lost, OwnerActor};
use crate::NewOwner;
use crate::provisioning::HandOutcome;

/// Create an owner by hand.
#[derive(Message)]
#[rtype(result = "Result<HandOutcome, Lost>")]
pub(crate) struct CreateOwner(pub(crate) NewOwner);

/// Enter a sub-owner by hand; the owner is there.
#[derive(Message)]
#[rtype(result = "Result<Option<Provisioned>, Error>")]
pub(crate) struct EnterSubOwner {
    pub(crate) newcomer: Newcomer,
}

/// Change an owner by hand.
#[derive(Message)]
#[rtype(result = "Result<Change, Error>")]
pub(crate) struct ChangeOwner {
    pub(crate) owner_id: OwnerId,
    pub(crate) patch: OwnerPatch,
}

impl OwnerActor {
    /// Puts a change into the directory before whoever asked for it hears of it.
    fn note_change(&mut self, record: &OwnerRecord) {
        // Also where the owner is not resident: a load that is under way may bring an older
        // version, and only a higher one replaces an entry.
        self.directory.put(record);
        self.parts.claims.tell(std::iter::once(record));
        self.directory.evict();
        self.note_owners();
    }
}

fn record_of(owner: &Owner) -> OwnerRecord {
    OwnerRecord {
        owner_id: owner.owner_id.clone(),
        state: owner.state,
        version: owner.version,
        created_by: owner.created_by,
        settings: owner.settings.clone(),
        sub_owners: Vec::new(),
    }
}

impl Handler<CreateOwner> for OwnerActor {
    type Result = ResponseActFuture<Self, Result<HandOutcome, Lost>>;

    fn handle(&mut self, message: CreateOwner, context: &mut Self::Context) -> Self::Result {
        let (hand, answered) = oneshot::channel();
        self.waitlist.want_by_hand(message.0, hand);
        self.provision_next(context);
        Box::pin(async move { answered.await.map_err(|_| Lost) }.into_actor(self))
    }
}

impl Handler<EnterSubOwner> for OwnerActor {
    type Result = ResponseActFuture<Self, Result<Option<Provisioned>, Error>>;

    fn handle(&mut self, message: EnterSubOwner, _: &mut Self::Context) -> Self::Result {
        self.loads.begin();
        let (store, source) = (self.parts.store.clone(), self.parts.source.clone());
        let entering = async move {
            store
                .provision(&source, vec![message.newcomer])
                .await
                .map(|mut entered| entered.pop())
        };
        Box::pin(entering.into_actor(self).map(|entered, actor, context| {
            let record = entered.as_ref().ok().and_then(Option::as_ref);
            let record = record.map(|entered| &entered.record);
            let again = actor
                .loads
                .end(record.map(|r| r.owner_id.clone()).into_iter());
            if let Some(record) = record {
                actor.note_change(record);
            }
            actor.reload(again, context);
            entered
        }))
    }
}

impl Handler<ChangeOwner> for OwnerActor {
    type Result = ResponseActFuture<Self, Result<Change, Error>>;

    fn handle(&mut self, message: ChangeOwner, _: &mut Self::Context) -> Self::Result {
        let (store, source) = (self.parts.store.clone(), self.parts.source.clone());
        let sub_owner = message.patch.sub_owner_state.clone();
        let changing = async move {
            let ChangeOwner { owner_id, patch } = message;
            store.change_owner(&source, &owner_id, patch).await
        };
        Box::pin(changing.into_actor(self).map(|changed, actor, _| {
            if let Ok(Change::Done(owner)) = &changed {
                let mut record = record_of(owner);
                let sub_owner = sub_owner.map(|(sub_owner_id, state)| SubOwnerRecord {
                    sub_owner_id,
                    state,
                });
                record.sub_owners.extend(sub_owner);
                actor.note_change(&record);
            }
            changed
        }))
    }
}
