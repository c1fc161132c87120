//! Sends the requests and judges the answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use rollcall_model::{Clock, Timestamp};
use rollcall_store::Delivery;

use super::guard::{PublicResolver, check_literal};
use super::signature::SigningKey;
use super::{Config, Mode, request, retry_after};
use crate::sink_task::chain;
use crate::{Sink, SinkError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte sent to the last one read.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer's body is read only to free the connection for the next request, and no further.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Posts to one receiver.
pub struct WebhookSink {
    client: Client,
    url: Url,
    host: String,
    key: Option<SigningKey>,
    mode: Mode,
    clock: Arc<dyn Clock>,
}

impl WebhookSink {
    /// `clock` tells the signature's time and how far away a date in `Retry-After` is.
    ///
    /// # Errors
    /// With a sentence without secrets, if the URL or the secret cannot be used.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let url = Url::parse(&config.url).map_err(|error| format!("url: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("url: begins with neither http:// nor https://".to_owned());
        }
        if !config.allow_private {
            check_literal(&url).map_err(|problem| format!("url: {problem}"))?;
        }
        let key = config.secret.as_ref().map(SigningKey::new).transpose()?;
        Ok(Self {
            client: client(config.allow_private)?,
            host: url.host_str().unwrap_or_default().to_owned(),
            url,
            key,
            mode: config.mode,
            clock,
        })
    }

    fn sign(&self, headers: &mut HeaderMap, event: &Delivery, body: &str) -> Result<(), SinkError> {
        let Some(key) = &self.key else { return Ok(()) };
        let id = event.event_id.to_string();
        let seconds = self.clock.now().as_seconds();
        let signature = key.sign(&id, seconds, body.as_bytes());
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ] {
            let value = HeaderValue::try_from(value)
                .map_err(|_| SinkError::retryable(format!("cannot write the header {name}")))?;
            headers.insert(name, value);
        }
        Ok(())
    }

    fn unanswered(&self, error: reqwest::Error) -> SinkError {
        let error = error.without_url();
        let reason = format!("no answer from {}: {}", self.host, chain(&error));
        if error.is_connect() {
            SinkError::Unreachable { reason }
        } else {
            SinkError::retryable(reason)
        }
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), SinkError> {
        let reason = format!("{} answered {status}", self.host);
        match status.as_u16() {
            200..=299 => Ok(()),
            408 | 429 | 500..=599 => Err(SinkError::Retryable {
                reason,
                retry_after: asked_wait(headers, self.clock.now()),
            }),
            300..=399 => Err(SinkError::Permanent {
                reason: format!("{reason}, and redirects are not followed"),
            }),
            _ => Err(SinkError::Permanent { reason }),
        }
    }
}

#[async_trait]
impl Sink for WebhookSink {
    async fn send(&self, event: &Delivery) -> Result<(), SinkError> {
        let request::Parts { mut headers, body } = request::parts(event, self.mode)?;
        self.sign(&mut headers, event, &body)?;
        let request = self
            .client
            .post(self.url.clone())
            .headers(headers)
            .body(body);
        let response = request
            .send()
            .await
            .map_err(|error| self.unanswered(error))?;
        let verdict = self.judge(response.status(), response.headers());
        finish(response).await;
        verdict
    }
}

fn client(allow_private: bool) -> Result<Client, String> {
    let builder = Client::builder()
        .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT);
    let builder = if allow_private {
        builder
    } else {
        builder.dns_resolver(PublicResolver)
    };
    builder.build().map_err(|error| chain(&error))
}

fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    retry_after::parse(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// The verdict stands by then; a body that cannot be read costs only the connection.
async fn finish(mut response: Response) {
    let mut left = MAX_ANSWER_BYTES;
    while let Ok(Some(chunk)) = response.chunk().await {
        left = left.saturating_sub(chunk.len());
        if left == 0 {
            break;
        }
    }
}
