//! Changes that were made elsewhere: what is resident of an owner is loaded again.
//!
//! A load that is under way when the news comes may bring the owner as it was before, also one that
//! was not resident yet. Such owners are marked, and loaded once more when that load is done. An
//! entry is only ever replaced by a higher version, so the order of loads does not matter.

use std::collections::HashSet;

use actix::{
    ActorFuture, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult,
    ResponseActFuture, WrapFuture,
};
use rand::Rng;
use rollcall_model::{OwnerId, SubOwnerId};
use rollcall_store::{Error, OwnerRecord, Store};

use super::{OwnerActor, RETRY};

/// Owners of one look-up.
const LOADED_AT_ONCE: usize = 1_000;

/// Whose entries may be older than what the database has.
#[derive(Debug, Clone)]
pub(crate) enum Stale {
    Owners(Vec<OwnerId>),
    Everybody,
}

/// Load again what is resident of them; answered when it is up to date.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub(crate) struct Refresh(pub(crate) Stale);

/// Nothing that is resident is sure any more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Forget;

/// The loads under way that may bring what has become old meanwhile.
#[derive(Debug, Default)]
pub(super) struct Loads {
    under_way: usize,
    stale: HashSet<OwnerId>,
    everybody_is_stale: bool,
}

impl Loads {
    pub(super) fn begin(&mut self) {
        self.under_way += 1;
    }

    fn note(&mut self, stale: &Stale) {
        match stale {
            _ if self.under_way == 0 => {}
            Stale::Owners(owners) => self.stale.extend(owners.iter().cloned()),
            Stale::Everybody => self.everybody_is_stale = true,
        }
    }

    /// Of those whom a load has brought, who has to be loaded once more.
    pub(super) fn end(&mut self, brought: impl Iterator<Item = OwnerId>) -> Vec<OwnerId> {
        let again = brought
            .filter(|owner_id| self.everybody_is_stale || self.stale.contains(owner_id))
            .collect();
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            *self = Self::default();
        }
        again
    }
}

impl OwnerActor {
    /// Loads the owners again, however often it takes.
    pub(super) fn reload(&mut self, owner_ids: Vec<OwnerId>, context: &mut Context<Self>) {
        if owner_ids.is_empty() {
            return;
        }
        let loading = self.load(&owner_ids).map(|loaded, _, context| {
            let Err(error) = loaded else {
                return;
            };
            tracing::warn!(error = %crate::error::chain(&error), "changed owners are not loaded yet");
            let pause = RETRY.mul_f64(rand::rng().random_range(0.5..1.5));
            context.run_later(pause, |actor, context| actor.reload(owner_ids, context));
        });
        context.spawn(loading);
    }

    /// Whoever is not resident is looked up anyway when it sends.
    fn load(
        &mut self,
        owner_ids: &[OwnerId],
    ) -> impl ActorFuture<Self, Output = Result<(), Error>> + use<> {
        let resident = owner_ids
            .iter()
            .filter_map(|owner_id| {
                Some((owner_id.clone(), self.directory.sub_owner_ids(owner_id)?))
            })
            .collect();
        let loading = find(self.parts.store.clone(), resident);
        loading.into_actor(self).map(|found, actor, _| {
            actor.put_loaded(found?);
            Ok(())
        })
    }

    fn put_loaded(&mut self, found: Vec<(OwnerId, Option<OwnerRecord>)>) {
        let mut gone = HashSet::new();
        for (owner_id, record) in found {
            match record {
                Some(record) => self.directory.put(&record),
                // Only a database that lost its past does not have it any more.
                None => drop(gone.insert(owner_id)),
            }
        }
        self.directory.forget(&gone);
        self.directory.evict();
        self.note_owners();
    }
}

async fn find(
    store: Store,
    resident: Vec<(OwnerId, Vec<SubOwnerId>)>,
) -> Result<Vec<(OwnerId, Option<OwnerRecord>)>, Error> {
    let mut found = Vec::with_capacity(resident.len());
    for chunk in resident.chunks(LOADED_AT_ONCE) {
        let records = store.find_owners(chunk.to_vec()).await?;
        let owner_ids = chunk.iter().map(|(owner_id, _)| owner_id.clone());
        found.extend(owner_ids.zip(records));
    }
    Ok(found)
}

impl Handler<Refresh> for OwnerActor {
    type Result = ResponseActFuture<Self, Result<(), Error>>;

    fn handle(&mut self, Refresh(stale): Refresh, _: &mut Self::Context) -> Self::Result {
        self.loads.note(&stale);
        let owner_ids = match stale {
            Stale::Owners(owner_ids) => owner_ids,
            Stale::Everybody => self.directory.owner_ids(),
        };
        Box::pin(self.load(&owner_ids))
    }
}

impl Handler<Forget> for OwnerActor {
    type Result = MessageResult<Forget>;

    fn handle(&mut self, _: Forget, _: &mut Self::Context) -> Self::Result {
        self.loads.note(&Stale::Everybody);
        self.directory.forget_everybody();
        self.note_owners();
        MessageResult(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(ids: &[&str]) -> Vec<OwnerId> {
        ids.iter().map(|id| OwnerId::parse(id).unwrap()).collect()
    }

    #[test]
    fn who_was_changed_during_a_load_is_loaded_again_if_the_load_brings_it() {
        let mut loads = Loads::default();
        loads.begin();
        loads.note(&Stale::Owners(owners(&["a", "b"])));
        assert_eq!(loads.end(owners(&["b", "c"]).into_iter()), owners(&["b"]));
    }

    #[test]
    fn a_change_counts_for_every_load_that_is_under_way_and_for_none_that_comes_later() {
        let mut loads = Loads::default();
        loads.note(&Stale::Owners(owners(&["a"])));
        loads.begin();
        assert_eq!(loads.end(owners(&["a"]).into_iter()), owners(&[]));
        loads.begin();
        loads.begin();
        loads.note(&Stale::Owners(owners(&["a"])));
        assert_eq!(loads.end(owners(&["a"]).into_iter()), owners(&["a"]));
        assert_eq!(loads.end(owners(&["a"]).into_iter()), owners(&["a"]));
        loads.begin();
        assert_eq!(loads.end(owners(&["a"]).into_iter()), owners(&[]));
    }

    #[test]
    fn where_everybody_is_stale_whatever_a_load_brings_is_loaded_again() {
        let mut loads = Loads::default();
        loads.begin();
        loads.note(&Stale::Everybody);
        assert_eq!(loads.end(owners(&["a"]).into_iter()), owners(&["a"]));
    }
}
