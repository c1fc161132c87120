//! One batch on its way: filled by the official client, sent within a deadline.

use std::time::Duration;

use azure_core_amqp::error::{AmqpErrorCondition, AmqpErrorKind};
use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{EventDataBatchOptions, EventHubsError, ProducerClient};
use tokio::time::timeout;

use super::Outgoing;

/// Longer than any answer that still comes; shorter than a user's patience.
const SEND_DEADLINE: Duration = Duration::from_secs(20);
/// Closing only tidies up.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// What became of one try. `sent` is how many of the first events were in the batch.
#[derive(Debug)]
pub(super) enum Try {
    Acknowledged {
        sent: usize,
    },
    /// The hub does not have them, and never will.
    Refused {
        sent: usize,
        reason: String,
    },
    /// The hub does not have them, but may take them later.
    NotSent {
        reason: String,
    },
    /// No answer.
    Unknown {
        sent: usize,
        reason: String,
    },
}

/// Sends as many of the first events as fit into one batch.
pub(super) async fn send(client: &ProducerClient, partition_id: &str, events: &[Outgoing]) -> Try {
    let options = EventDataBatchOptions {
        partition_id: Some(partition_id.to_owned()),
        ..EventDataBatchOptions::default()
    };
    let batch = match timeout(SEND_DEADLINE, Box::pin(client.create_batch(Some(options)))).await {
        Ok(Ok(batch)) => batch,
        Ok(Err(error)) => {
            return Try::NotSent {
                reason: error.to_string(),
            };
        }
        Err(_) => {
            return Try::NotSent {
                reason: no_answer("open a sender"),
            };
        }
    };
    let mut sent = 0;
    for event in events {
        let data = EventData::builder().with_body(event.body.clone()).build();
        match batch.try_add_event_data(data, None) {
            Ok(true) => sent += 1,
            Ok(false) if sent == 0 => {
                let reason = format!("{} bytes are more than the hub takes", event.body.len());
                return Try::Refused { sent: 1, reason };
            }
            Ok(false) => break,
            Err(error) => {
                return Try::Refused {
                    sent: sent.max(1),
                    reason: error.to_string(),
                };
            }
        }
    }
    match timeout(SEND_DEADLINE, Box::pin(client.send_batch(batch, None))).await {
        Ok(Ok(())) => Try::Acknowledged { sent },
        Ok(Err(error)) => judge(&error, sent),
        Err(_) => Try::Unknown {
            sent,
            reason: no_answer("send a batch"),
        },
    }
}

fn no_answer(operation: &str) -> String {
    format!(
        "cannot {operation}: no answer within {} s",
        SEND_DEADLINE.as_secs()
    )
}

/// A rejection is an answer; whatever broke on the way is none.
fn judge(error: &EventHubsError, sent: usize) -> Try {
    let reason = error.to_string();
    match described(error) {
        Some(AmqpErrorCondition::LinkPayloadSizeExceeded) => Try::Refused { sent, reason },
        Some(_) => Try::NotSent { reason },
        None if matches!(error.kind, ErrorKind::SendRejected(_)) => Try::NotSent { reason },
        None => Try::Unknown { sent, reason },
    }
}

fn described(error: &EventHubsError) -> Option<&AmqpErrorCondition> {
    match &error.kind {
        ErrorKind::AmqpError(error) => match error.kind() {
            AmqpErrorKind::AmqpDescribedError(described) => Some(&described.condition),
            _ => None,
        },
        _ => None,
    }
}

/// Closes the client; one that does not answer is dropped.
pub(super) async fn close(client: ProducerClient) {
    match timeout(CLOSE_DEADLINE, client.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "cannot close a producer: {error}"),
        Err(_) => tracing::debug!("cannot close a producer: no answer"),
    }
}
