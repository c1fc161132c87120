//! How many owners, and how many sub-owners of each, the stream may enter. What hands enter is bound
//! by neither, and what is on the roll stays.
//!
//! The owner actors of a node share one count of the owners, which is read anew from the database
//! every second at most. Nodes do not ask each other, so that several at a time may go beyond the quota
//! by what they enter within a second; and one that has just counted may hold back an owner for as long.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rollcall_model::{CreatedBy, OwnerId, SubOwnerId};
use rollcall_store::{Error, Newcomer, OwnerRecord, Store};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::policy::Policy;

const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The quotas of a node, and how far the one of the owners is used.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    owners: Option<u64>,
    sub_owners: Option<u64>,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    /// Owners that the stream has entered.
    counted: u64,
    counted_at: Option<Instant>,
    /// Those whose transaction is not over.
    in_flight: u64,
}

/// Whom the quotas keep out.
#[derive(Debug, Default)]
pub(crate) struct KeptOut {
    pub(crate) owners: Vec<OwnerId>,
    pub(crate) sub_owners: Vec<(OwnerId, SubOwnerId)>,
}

/// Owners that may be entered, until [`Quotas::settle`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Reserved(u64);

impl Quotas {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            owners: policy.owner_quota,
            sub_owners: policy.sub_owner_quota,
            standing: Mutex::default(),
        }
    }

    /// Keeps those of the newcomers for whom there is room, in their order.
    ///
    /// # Errors
    /// If the database cannot count.
    pub(crate) async fn reserve(
        &self,
        store: &Store,
        newcomers: &mut Vec<Newcomer>,
        kept_out: &mut KeptOut,
    ) -> Result<Reserved, Error> {
        let by_stream = |newcomer: &Newcomer| newcomer.created_by == CreatedBy::Stream;
        let wanted = newcomers.iter().filter(|it| by_stream(it)).count() as u64;
        let Some(quota) = self.owners.filter(|_| wanted > 0) else {
            return Ok(Reserved(0));
        };
        let mut standing = self.standing.lock().await;
        if standing.is_old() {
            standing.counted = store.count_owners_of_stream(quota).await?;
            standing.counted_at = Some(Instant::now());
        }
        let used = standing.counted + standing.in_flight;
        let granted = wanted.min(quota.saturating_sub(used));
        standing.in_flight += granted;
        drop(standing);
        let mut room = granted;
        newcomers.retain(|newcomer| {
            let stays = !by_stream(newcomer) || room > 0;
            if !stays {
                kept_out.owners.push(newcomer.owner_id.clone());
            } else if by_stream(newcomer) {
                room -= 1;
            }
            stays
        });
        Ok(Reserved(granted))
    }

    /// The transaction is over.
    pub(crate) async fn settle(&self, Reserved(granted): Reserved, entered: bool) {
        if granted == 0 {
            return;
        }
        let mut standing = self.standing.lock().await;
        standing.in_flight = standing.in_flight.saturating_sub(granted);
        standing.counted += if entered { granted } else { 0 };
    }

    /// Takes from the newcomers the sub-owners for whom there is no room below their owners;
    /// `records` are of those who are on the roll.
    ///
    /// # Errors
    /// If the database cannot count.
    pub(crate) async fn trim(
        &self,
        store: &Store,
        newcomers: &mut [Newcomer],
        records: &HashMap<OwnerId, OwnerRecord>,
        kept_out: &mut KeptOut,
    ) -> Result<(), Error> {
        let Some(quota) = self.sub_owners else {
            return Ok(());
        };
        let known: Vec<OwnerId> = records.keys().cloned().collect();
        let counts = store.count_sub_owners_of_stream(known).await?;
        for newcomer in newcomers {
            let owner_id = &newcomer.owner_id;
            let there: BTreeSet<&SubOwnerId> = match records.get(owner_id) {
                Some(record) => record
                    .sub_owners
                    .iter()
                    .map(|it| &it.sub_owner_id)
                    .collect(),
                None => BTreeSet::new(),
            };
            let mut room = quota.saturating_sub(counts.get(owner_id).copied().unwrap_or(0));
            newcomer.sub_owner_ids.retain(|id| {
                let stays = there.contains(id) || room > 0;
                if !stays {
                    kept_out.sub_owners.push((owner_id.clone(), id.clone()));
                } else if !there.contains(id) {
                    room -= 1;
                }
                stays
            });
        }
        Ok(())
    }
}

impl Standing {
    fn is_old(&self) -> bool {
        self.counted_at
            .is_none_or(|at| at.elapsed() >= COUNT_AGAIN_AFTER)
    }
}
