//! The connections that the partitions share.
//!
//! A connection is opened when the first partition asks for it. Whoever meets an error on it
//! discards it; the others on it meet errors too and ask for the new one.

use std::sync::Arc;

use azure_messaging_eventhubs::ConsumerClient;
use rollcall_model::PartitionId;
use tokio::sync::Mutex;

use crate::{Config, Error, client};

type Slot = Mutex<Option<Arc<ConsumerClient>>>;

/// One slot per connection; a partition always uses the same slot.
pub(crate) struct Connections {
    config: Arc<Config>,
    slots: dashmap::DashMap<u32, Arc<Slot>>,
}

impl Connections {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            slots: dashmap::DashMap::new(),
        }
    }

    fn slot(&self, partition_id: PartitionId) -> Arc<Slot> {
        let index = partition_id.0 / self.config.partitions_per_connection.max(1);
        Arc::clone(&self.slots.entry(index).or_default())
    }

    /// The partition's connection, opened if there is none.
    pub(crate) async fn get(
        &self,
        partition_id: PartitionId,
    ) -> Result<Arc<ConsumerClient>, Error> {
        let slot = self.slot(partition_id);
        // Held across the opening on purpose: the others wait for the same connection.
        let mut held = slot.lock().await;
        if let Some(client) = &*held {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(client::open_consumer(&self.config).await?);
        *held = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Takes `client` out of use, unless somebody did so before.
    pub(crate) async fn discard(&self, partition_id: PartitionId, client: Arc<ConsumerClient>) {
        let slot = self.slot(partition_id);
        let mut held = slot.lock().await;
        if held
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, &client))
        {
            *held = None;
        }
        drop(held);
        close(&self.config, client).await;
    }
}

/// Closes a connection within the limit, if nobody else uses it any more.
pub(crate) async fn close(config: &Config, client: Arc<ConsumerClient>) {
    if let Some(client) = Arc::into_inner(client)
        && let Err(error) =
            client::within(config.request_timeout, "close a connection", client.close()).await
    {
        tracing::debug!(%error, "a discarded connection did not close in order");
    }
}
