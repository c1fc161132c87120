//! Connections of the official client, opened by our settings and within a deadline.

use std::time::Duration;

use azure_core_amqp::AmqpTransport;
use azure_messaging_eventhubs::{
    ConnectionString, ConsumerClient, EventHubsError, ProducerClient, RetryOptions,
};

use crate::{Config, Error, Transport};

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

/// The endpoint's host in lower case, which names the stream.
///
/// # Errors
/// [`Error::Misconfigured`] if the connection string cannot be read.
pub fn namespace(config: &Config) -> Result<String, Error> {
    let parsed: ConnectionString =
        config
            .connection_string
            .parse()
            .map_err(|error| Error::Misconfigured {
                problem: format!("the connection string cannot be read: {error}"),
            })?;
    Ok(parsed.fully_qualified_namespace.to_lowercase())
}

/// # Errors
/// [`Error::Unavailable`] or [`Error::TimedOut`] if the hub cannot be reached,
/// [`Error::Misconfigured`] if the settings cannot be right.
pub async fn open_consumer(config: &Config) -> Result<ConsumerClient, Error> {
    let operation = format!(
        "connect to the event hub {}/{}",
        namespace(config)?,
        config.event_hub
    );
    let mut builder = ConsumerClient::builder()
        .with_consumer_group(config.consumer_group.clone())
        .with_retry_options(no_retries())
        .with_transport(transport(config));
    if let Some(endpoint) = &config.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let opening =
        builder.open_with_connection_string(&config.connection_string, Some(&config.event_hub));
    within(config.request_timeout, &operation, opening).await
}

/// # Errors
/// As [`open_consumer`].
pub async fn open_producer(config: &Config) -> Result<ProducerClient, Error> {
    let operation = format!(
        "connect to the event hub {}/{}",
        namespace(config)?,
        config.event_hub
    );
    let mut builder = ProducerClient::builder()
        .with_retry_options(no_retries())
        .with_transport(transport(config));
    if let Some(endpoint) = &config.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let opening =
        builder.open_with_connection_string(&config.connection_string, Some(&config.event_hub));
    within(config.request_timeout, &operation, opening).await
}

/// A request to the hub, within its limit. The future is boxed: the client's are very large.
pub(crate) async fn within<T>(
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
