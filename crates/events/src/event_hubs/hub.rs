//! The official producer, opened within a deadline, and batches to a partition.

use std::sync::Arc;
use std::time::Duration;

use azure_core_amqp::error::AmqpErrorKind;
use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{
    EventDataBatchOptions, EventHubsError, ProducerClient, RetryOptions,
};
use percent_encoding::percent_decode_str;
use rollcall_model::{OwnerId, shard_of};
use rollcall_store::Delivery;
use tokio::time::timeout;

use super::Config;
use crate::SinkError;
use crate::azure::{Access, judge};
use crate::cloud_event::{CONTENT_TYPE, owner};

const OPEN_DEADLINE: Duration = Duration::from_secs(6);
const SEND_DEADLINE: Duration = Duration::from_secs(8);
/// Closing only tidies up.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

pub(super) struct Hub {
    client: ProducerClient,
    partition_ids: Vec<String>,
}

/// What became of the first events of a batch.
pub(super) struct Sent {
    pub(super) events: usize,
    pub(super) result: Result<(), SinkError>,
}

impl Hub {
    /// # Errors
    /// In every case such that nothing can be sent at all.
    pub(super) async fn open(config: &Config) -> Result<Self, SinkError> {
        let opening = async {
            let client = producer(config).await?;
            let properties = client.get_eventhub_properties().await?;
            Ok::<_, EventHubsError>(Self {
                client,
                partition_ids: properties.partition_ids,
            })
        };
        match timeout(OPEN_DEADLINE, Box::pin(opening)).await {
            Ok(Ok(hub)) if hub.partition_ids.is_empty() => {
                Err(SinkError::unreachable("the event hub has no partition"))
            }
            Ok(Ok(hub)) => Ok(hub),
            Ok(Err(error)) => Err(SinkError::unreachable(format!(
                "cannot open the event hub {}: {error}",
                config.event_hub
            ))),
            Err(_) => Err(SinkError::unreachable(format!(
                "the event hub {} does not answer within {OPEN_DEADLINE:?}",
                config.event_hub
            ))),
        }
    }

    /// Where the events of this subject go.
    pub(super) fn partition_of(&self, event: &Delivery) -> &str {
        let partitions = self.partition_ids.len();
        let index = partition_index(owner(&event.subject), partitions);
        &self.partition_ids[index]
    }

    /// Sends as many of the first events as fit into one batch.
    pub(super) async fn send(&self, partition_id: &str, events: &[&Delivery]) -> Sent {
        let mut sent = 0;
        let sending = async {
            let options = EventDataBatchOptions {
                partition_id: Some(partition_id.to_owned()),
                ..EventDataBatchOptions::default()
            };
            let batch = self.client.create_batch(Some(options)).await?;
            for event in events {
                if !batch.try_add_event_data(data(event), None)? {
                    break;
                }
                sent += 1;
            }
            match sent {
                0 => Ok(()),
                _ => self.client.send_batch(batch, None).await,
            }
        };
        let result = match timeout(SEND_DEADLINE, Box::pin(sending)).await {
            Ok(Ok(())) if sent == 0 => Err(SinkError::Permanent {
                reason: "it is larger than what the event hub takes".to_owned(),
            }),
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(judged(&error)),
            Err(_) => Err(SinkError::unreachable(format!(
                "the event hub does not answer within {SEND_DEADLINE:?}"
            ))),
        };
        let events = match result {
            // Nothing went out, or nobody knows: the whole of it is tried again.
            Err(SinkError::Unreachable { .. }) => events.len(),
            // At least the one that did not fit alone.
            _ => sent.clamp(1, events.len()),
        };
        Sent { events, result }
    }

    /// A client that does not answer is dropped.
    pub(super) async fn close(self) {
        match timeout(CLOSE_DEADLINE, Box::pin(self.client.close())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "cannot close a producer: {error}"),
            Err(_) => tracing::debug!("cannot close a producer: no answer"),
        }
    }
}

/// By the rule that the owners' shards follow, which is stable.
fn partition_index(owner: &str, partitions: usize) -> usize {
    let id = percent_decode_str(owner).decode_utf8_lossy();
    OwnerId::parse(&id).map_or(0, |id| shard_of(&id, partitions))
}

async fn producer(config: &Config) -> Result<ProducerClient, EventHubsError> {
    // What failed is tried again by the relay, by its own rules.
    let mut builder = ProducerClient::builder().with_retry_options(RetryOptions {
        max_retries: 0,
        ..RetryOptions::default()
    });
    if let Some(endpoint) = &config.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let event_hub = config.event_hub.as_str();
    match &config.access {
        Access::ConnectionString(text) => {
            builder
                .open_with_connection_string(text, Some(event_hub))
                .await
        }
        Access::Credential {
            fully_qualified_namespace,
            credential,
        } => {
            let credential = Arc::clone(credential);
            builder
                .open(fully_qualified_namespace, event_hub, credential)
                .await
        }
        Access::Endpoint => {
            let problem = "it needs a connection string or a namespace";
            Err(
                azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, problem)
                    .into(),
            )
        }
    }
}

fn data(event: &Delivery) -> EventData {
    let id = event.event_id.to_string();
    EventData::builder()
        .with_body(event.payload.as_bytes())
        .with_content_type(CONTENT_TYPE.to_owned())
        .with_message_id(id.clone())
        .add_property("cloudEvents_id".to_owned(), id)
        .add_property("cloudEvents_type".to_owned(), event.event_type.clone())
        .add_property("cloudEvents_subject".to_owned(), event.subject.clone())
        .build()
}

/// A rejection may be about the batch's events; whatever broke on the way is not.
fn judged(error: &EventHubsError) -> SinkError {
    let reason = format!("the event hub did not take it: {error}");
    let described = match &error.kind {
        ErrorKind::AmqpError(error) => match error.kind() {
            AmqpErrorKind::AmqpDescribedError(described) => Some(&described.condition),
            _ => None,
        },
        _ => None,
    };
    match described {
        Some(condition) => judge(&format!("{condition:?}"), reason),
        None => SinkError::Unreachable { reason },
    }
}
