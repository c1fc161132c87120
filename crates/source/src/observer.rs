//! What the hub says of itself: asked at every open, and watched on a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::ConsumerClient;
use dashmap::DashMap;
use rollcall_model::{PartitionId, SequenceNumber, Timestamp};

use crate::{Config, Error, client, connections};

/// The whole hub is asked about once in this time …
const ROUND: Duration = Duration::from_secs(3);
/// … but not faster than this per partition: a namespace answers about 50 such questions a second.
const SPACING: Duration = Duration::from_millis(50);

/// The event hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubDescription {
    pub created_at: Timestamp,
    /// In numeric order.
    pub partition_ids: Vec<PartitionId>,
}

/// One partition, with the hub's own `created_at`, by which a re-created hub is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionDescription {
    pub hub_created_at: Timestamp,
    /// The first event that the hub still has; of an empty partition, the one that comes next.
    pub first: SequenceNumber,
    /// The last event, one before `first` if there is none.
    pub last: SequenceNumber,
    pub last_enqueued_at: Option<Timestamp>,
}

pub(crate) async fn describe_hub(
    config: &Config,
    client: &ConsumerClient,
) -> Result<HubDescription, Error> {
    let asked = client.get_eventhub_properties();
    let hub = client::within(config.request_timeout, "read the hub's properties", asked).await?;
    let mut partition_ids = hub
        .partition_ids
        .iter()
        .map(|id| id.parse().map(PartitionId))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Misconfigured {
            problem: format!("the hub names a partition that is no number: {error}"),
        })?;
    partition_ids.sort_unstable();
    let created_at = hub.created_on.map_or(Timestamp::EPOCH, timestamp);
    Ok(HubDescription {
        created_at,
        partition_ids,
    })
}

pub(crate) async fn describe_partition(
    config: &Config,
    client: &ConsumerClient,
    partition_id: PartitionId,
    hub_created_at: Timestamp,
) -> Result<PartitionDescription, Error> {
    let operation = format!("read the properties of partition {partition_id}");
    let name = partition_id.to_string();
    let asked = client.get_partition_properties(&name);
    let found = client::within(config.request_timeout, &operation, asked).await?;
    let last = SequenceNumber(found.last_enqueued_sequence_number);
    let first = if found.is_empty {
        last.next()
    } else {
        SequenceNumber(found.beginning_sequence_number)
    };
    let last_enqueued_at = found.last_enqueued_time_utc.map(timestamp);
    Ok(PartitionDescription {
        hub_created_at,
        first,
        last,
        last_enqueued_at,
    })
}

/// A time as the client gives it.
#[must_use]
pub fn timestamp(time: std::time::SystemTime) -> Timestamp {
    let micros = match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    };
    Timestamp::from_micros(micros)
}

/// The latest description of every partition.
pub(crate) type Observed = Arc<DashMap<PartitionId, PartitionDescription>>;

/// Watches the hub until it is aborted.
pub(crate) async fn watch(config: Arc<Config>, observed: Observed) {
    loop {
        if let Err(error) = watch_one_connection(&config, &observed).await {
            tracing::debug!(%error, "the hub cannot be observed just now");
        }
        tokio::time::sleep(ROUND).await;
    }
}

async fn watch_one_connection(config: &Config, observed: &Observed) -> Result<(), Error> {
    let client = Arc::new(client::open_consumer(config).await?);
    let ended = loop {
        let round = tokio::time::sleep(ROUND);
        if let Err(error) = watch_round(config, &client, observed).await {
            break error;
        }
        round.await;
    };
    connections::close(config, client).await;
    Err(ended)
}

async fn watch_round(
    config: &Config,
    client: &ConsumerClient,
    observed: &Observed,
) -> Result<(), Error> {
    let hub = describe_hub(config, client).await?;
    for partition_id in hub.partition_ids {
        let description = describe_partition(config, client, partition_id, hub.created_at).await?;
        observed.insert(partition_id, description);
        tokio::time::sleep(SPACING).await;
    }
    Ok(())
}
