//! Connections of the official client, opened by our settings and within a deadline.

use azure_messaging_eventhubs::{ConsumerClient, ProducerClient, RetryOptions};

use crate::{Config, Error};

/// No retries inside the client: a receiver that it recovers starts again at the position at which
/// it was opened, and replays silently. Whoever holds the client reconnects by its own rules.
fn no_retries() -> RetryOptions {
    RetryOptions {
        max_retries: 0,
        ..RetryOptions::default()
    }
}

/// # Errors
/// [`Error::Unavailable`] or [`Error::TimedOut`] if the hub cannot be reached,
/// [`Error::Misconfigured`] if the settings cannot be right.
pub async fn open_consumer(config: &Config) -> Result<ConsumerClient, Error> {
    let mut builder = ConsumerClient::builder()
        .with_consumer_group(config.consumer_group.clone())
        .with_retry_options(no_retries());
    if let Some(endpoint) = &config.custom_endpoint {
        builder = builder.with_custom_endpoint(endpoint.clone());
    }
    let _ = builder;
    todo!()
}

/// # Errors
/// As [`open_consumer`].
pub async fn open_producer(config: &Config) -> Result<ProducerClient, Error> {
    let _ = (config, no_retries());
    todo!()
}
