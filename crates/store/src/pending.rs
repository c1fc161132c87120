//! Owners that wait for somebody's decision, with what there is to decide by: how much is held of
//! each, where it came, and a sample of it. Since when, an owner tells by itself: it was entered by
//! its first status.

use rollcall_model::{Owner, OwnerId, PartitionId, SubOwnerId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::reading::roll;
use crate::store::{Backend, Operation};
use crate::{Error, OwnerFilter, Page, Store, column, fault, postgres, sqlite};

/// A pending owner.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PendingOwner {
    #[serde(flatten)]
    pub owner: Owner,
    #[serde(flatten)]
    pub held: HeldOfOwner,
}

/// What is held of an owner.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct HeldOfOwner {
    /// Statuses.
    pub held: u64,
    /// On which they came, of every stream.
    pub partitions: Vec<PartitionId>,
    /// One of them; null, if none is held.
    pub sample: Option<HeldSample>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HeldSample {
    pub sub_owner_id: SubOwnerId,
    pub enqueued_at: Timestamp,
    /// Any JSON value, exactly as it came.
    pub data: Box<RawValue>,
}

/// Sub-owner, time, data.
pub(crate) type SampleColumns<T> = (String, T, String);

/// # Errors
/// If a column holds what nobody wrote.
pub(crate) fn read_sample<T>(
    (sub_owner_id, enqueued_at, data): SampleColumns<T>,
    time: impl Fn(T) -> fault::Result<Timestamp>,
) -> fault::Result<HeldSample> {
    Ok(HeldSample {
        sub_owner_id: column::sub_owner_id(&sub_owner_id)?,
        enqueued_at: time(enqueued_at)?,
        data: column::raw_json("data", data)?,
    })
}

impl Store {
    /// By id; the filter's state does not count.
    ///
    /// # Errors
    /// By [`crate::Kind`], as every transaction.
    pub async fn list_pending_owners(
        &self,
        filter: &OwnerFilter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<PendingOwner>, Error> {
        let filter = OwnerFilter {
            state: Some(rollcall_model::OwnerState::Pending),
            ..filter.clone()
        };
        let cursor = cursor.map(str::to_owned);
        let operation = Operation::read("list_pending_owners", "");
        self.call(operation, move |backend| {
            let (filter, cursor) = (filter.clone(), cursor.clone());
            async move {
                let reading = backend.reading();
                let page = roll::list_owners(reading, &filter, limit, cursor.as_deref()).await?;
                let ids: Vec<&OwnerId> = page.items.iter().map(|owner| &owner.owner_id).collect();
                let held = match &*backend {
                    Backend::Sqlite(database) => sqlite::pending::held(database, &ids).await?,
                    Backend::Postgres(database) => postgres::pending::held(database, &ids).await?,
                };
                let items = page.items.into_iter().zip(held);
                Ok(Page {
                    items: items
                        .map(|(owner, held)| PendingOwner { owner, held })
                        .collect(),
                    next_cursor: page.next_cursor,
                })
            }
        })
        .await
    }
}
