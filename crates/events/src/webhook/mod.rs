//! The sink `webhook`: one HTTP POST of a `CloudEvent` per event.
//!
//! | answer | what the relay does |
//! |---|---|
//! | 2xx | sent |
//! | 408, 429, 5xx, none | tries again, not before `Retry-After` (seconds or a date) says |
//! | 3xx | tries again: a redirect is never followed, since it could lead anywhere |
//! | other 4xx, 410 too | tries again as well, and warns: somebody has to mend the receiver or the settings, and until then nothing is given up |
//!
//! The connection goes only to public addresses, unless `allow_private` is set: see [`guard`].
//! Proxies of the environment are not used, since the guard could not look behind them. With a
//! secret, every request is signed: see [`signature`].
//!
//! The URL and the secret are never part of an error or a log line: a receiver's path or query can
//! be a password. Only its host is named.

pub mod guard;
mod request;
mod retry_after;
pub mod signature;
mod sink;

use std::fmt;

pub use sink::WebhookSink;

/// Where the webhook posts to, and how.
#[derive(Clone)]
pub struct Config {
    /// `http://…` or `https://…`.
    pub url: String,
    /// Signs every request.
    pub secret: Option<Secret>,
    pub mode: Mode,
    /// Whether the receiver may stand on a private, loopback or link-local address.
    pub allow_private: bool,
}

/// How a `CloudEvent` is carried over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The body is the whole event, `application/cloudevents+json; charset=utf-8`.
    #[default]
    Structured,
    /// The body is the event's data, the attributes are `ce-*` headers.
    Binary,
}

/// A text that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &"[redacted]")
            .field("secret", &self.secret)
            .field("mode", &self.mode)
            .field("allow_private", &self.allow_private)
            .finish()
    }
}
