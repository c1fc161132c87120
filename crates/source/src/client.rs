//! Connections of the official client, opened by our settings and within a deadline.

use std::sync::Arc;
use std::time::Duration;

use azure_core_amqp::AmqpTransport;
use azure_messaging_eventhubs::{
    ConnectionString, ConsumerClient, EventHubsError, ProducerClient, RetryOptions,
};

use crate::{Access, Config, Error, Transport};

/// No retries inside the client: a receiver that it recovers starts again at the position at which
/// it was opened, and replays silently. Whoever holds the client reconnects by its own rules.
fn no_retries() -> RetryOptions {
    RetryOptions {
        max_retries: 0,
        ..RetryOptions::default()
    }
}

fn transport(config: &Config) -> AmqpTransport {
    match config.transport {
        Transport::Amqp => AmqpTransport::Tcp,
        Transport::AmqpWebSockets => AmqpTransport::WebSocket,
    }
}

/// The namespace's host in lower case, which names the stream.
///
/// # Errors
/// [`Error::Misconfigured`] if the connection string cannot be read.
pub fn namespace(config: &Config) -> Result<String, Error> {
    let namespace = match &config.access {
        Access::ConnectionString(text) => parsed(text)?.fully_qualified_namespace,
        Access::Credential {
            fully_qualified_namespace,
            ..
        } => fully_qualified_namespace.clone(),
    };
    Ok(namespace.to_lowercase())
}

fn parsed(connection_string: &str) -> Result<ConnectionString, Error> {
    connection_string
        .parse()
        .map_err(|error| Error::Misconfigured {
            problem: format!("the connection string cannot be read: {error}"),
        })
}

fn connecting(config: &Config) -> Result<String, Error> {
    Ok(format!(
        "connect to the event hub {}/{}",
        namespace(config)?,
        config.event_hub
    ))
}

/// Opens a connection. What the client has no right to shows only when it is used.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::TimedOut`] if the hub cannot be reached,
/// [`Error::Misconfigured`] if the settings cannot be right.
pub async fn open_consumer(config: &Config) -> Result<ConsumerClient, Error> {
    let operation = connecting(config)?;
    let mut builder = ConsumerClient::builder()
        .with_consumer_group(config.consumer_group.clone())
        .with_retry_options(no_retries())
        .with_transport(transport(config));
    if let Some(endpoint) = &config.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let event_hub = &config.event_hub;
    let opening = async {
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
                    .open(fully_qualified_namespace, event_hub.clone(), credential)
                    .await
            }
        }
    };
    within(config.request_timeout, &operation, opening).await
}

/// # Errors
/// As [`open_consumer`].
pub async fn open_producer(config: &Config) -> Result<ProducerClient, Error> {
    let operation = connecting(config)?;
    let mut builder = ProducerClient::builder()
        .with_retry_options(no_retries())
        .with_transport(transport(config));
    if let Some(endpoint) = &config.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let event_hub = &config.event_hub;
    let opening = async {
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
        }
    };
    within(config.request_timeout, &operation, opening).await
}

/// A request to the hub, within its limit. The future is boxed: the client's are very large.
///
/// # Errors
/// What the hub answered, by what the caller does about it; [`Error::TimedOut`] beyond the limit.
pub async fn within<T>(
    limit: Duration,
    operation: &str,
    request: impl Future<Output = Result<T, EventHubsError>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, Box::pin(request)).await {
        Ok(answer) => answer.map_err(|error| Error::of_client(operation, &error)),
        Err(_) => Err(Error::TimedOut {
            operation: operation.to_owned(),
            seconds: limit.as_secs(),
        }),
    }
}
