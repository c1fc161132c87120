//! Provisioning: owners and sub-owners enter the roll, once, with their announcement.

pub(crate) mod entry;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rollcall_model::{
    CreatedBy, EventSource, Owner, OwnerId, OwnerState, SubOwner, SubOwnerId, SubOwnerState,
    Timestamp,
};

use crate::fault::{self, Fault};
use crate::reading::roll;
use crate::store::{Backend, Operation};
use crate::{Error, OwnerRecord, Store, postgres, sqlite};

/// An owner to enter if it is not there, with the sub-owners to enter below it if they are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Newcomer {
    pub owner_id: OwnerId,
    pub sub_owner_ids: Vec<SubOwnerId>,
    /// The state it gets if this transaction enters it.
    pub state: OwnerState,
    pub created_by: CreatedBy,
    /// Of its sub-owners: below an owner made by hand they may come by stream.
    pub sub_owners_created_by: CreatedBy,
    pub display_name: Option<String>,
    /// Settings it gets if this transaction enters it.
    pub settings: rollcall_model::Settings,
}

/// An owner as it stands after provisioning, whoever entered it.
#[derive(Debug, Clone, PartialEq)]
pub struct Provisioned {
    /// With exactly the sub-owners that were asked for and exist now. A sub-owner is not entered
    /// below an owner that is deleted.
    pub record: OwnerRecord,
    /// Whether this transaction entered the owner.
    pub created: bool,
    /// How many of its sub-owners this transaction entered.
    pub sub_owners_created: usize,
}

impl Newcomer {
    /// The row, if this transaction enters it.
    pub(crate) fn owner(&self, now: Timestamp) -> Owner {
        Owner {
            owner_id: self.owner_id.clone(),
            state: self.state,
            display_name: self.display_name.clone(),
            settings: self.settings.clone(),
            version: 1,
            created_at: now,
            created_by: self.created_by,
        }
    }
}

/// The row of a sub-owner that is entered below `owner`, with its copy of the override.
pub(crate) fn new_sub_owner(
    owner: &OwnerRecord,
    sub_owner_id: &SubOwnerId,
    created_by: CreatedBy,
    now: Timestamp,
) -> SubOwner {
    let settings = owner.settings.sub_owners.get(sub_owner_id).cloned();
    SubOwner {
        owner_id: owner.owner_id.clone(),
        sub_owner_id: sub_owner_id.clone(),
        state: SubOwnerState::Active,
        display_name: None,
        settings: settings.unwrap_or_default(),
        version: 1,
        created_at: now,
        created_by,
    }
}

impl Store {
    /// How many owners the stream has entered that are not deleted; it counts to `at_most`.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn count_owners_of_stream(&self, at_most: u64) -> Result<u64, Error> {
        let operation = Operation::read("count_owners_of_stream", "");
        self.call(operation, move |backend| async move {
            roll::count_owners_of_stream(backend.reading(), at_most).await
        })
        .await
    }

    /// The same of sub-owners, by owner; who has none is not there.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn count_sub_owners_of_stream(
        &self,
        owner_ids: Vec<OwnerId>,
    ) -> Result<HashMap<OwnerId, u64>, Error> {
        let operation = Operation::read("count_sub_owners_of_stream", "");
        let owner_ids = Arc::new(owner_ids);
        self.call(operation, move |backend| {
            let owner_ids = Arc::clone(&owner_ids);
            async move { roll::count_sub_owners_of_stream(backend.reading(), &owner_ids).await }
        })
        .await
    }

    /// Enters what is missing, with its events, in one transaction; in the order asked. One
    /// owner stands at most once in `newcomers`.
    ///
    /// # Errors
    /// [`crate::Kind::Defect`] if an owner stands there twice; otherwise as every writing
    /// transaction, by [`crate::Kind`].
    pub async fn provision(
        &self,
        source: &EventSource,
        newcomers: Vec<Newcomer>,
    ) -> Result<Vec<Provisioned>, Error> {
        let operation = Operation::write("provision", format!("{} owners", newcomers.len()));
        let asked = Arc::new((source.clone(), newcomers));
        let provisioned = self.call(operation, move |backend| {
            let asked = Arc::clone(&asked);
            async move {
                let (source, newcomers) = &*asked;
                refuse_repeats(newcomers)?;
                match &*backend {
                    Backend::Sqlite(database) => {
                        sqlite::provision::provision(database, source, newcomers).await
                    }
                    Backend::Postgres(database) => {
                        postgres::provision::provision(database, source, newcomers).await
                    }
                }
            }
        });
        let (provisioned, races) = provisioned.await?;
        self.count_races(races);
        Ok(provisioned)
    }
}

fn refuse_repeats(newcomers: &[Newcomer]) -> fault::Result<()> {
    let mut seen = BTreeSet::new();
    match newcomers
        .iter()
        .find(|newcomer| !seen.insert(&newcomer.owner_id))
    {
        None => Ok(()),
        Some(newcomer) => {
            let owner_id = &newcomer.owner_id;
            Err(Fault::defect(format!(
                "the owner {owner_id} stands among the newcomers twice"
            )))
        }
    }
}
