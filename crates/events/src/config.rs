//! The relay's settings.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::webhook;

/// Which sinks there are, and how the relay works for each of them.
#[derive(Debug, Clone)]
pub struct Config {
    pub sinks: Vec<SinkConfig>,
    /// How long an idle sink waits before it looks for due deliveries again.
    pub poll_interval: Duration,
    /// Subjects that are sent to one sink at the same time.
    pub concurrency: NonZeroUsize,
    /// How long one try may take, whatever the sink's own time-outs are.
    pub send_timeout: Duration,
    /// How long [`crate::Relay::stop`] waits for what is in flight; the rest stays due.
    pub drain_timeout: Duration,
    /// Where the jitter of the back-off begins.
    pub seed: u64,
}

/// One sink.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// Its name in the outbox and in metrics; unique.
    pub name: String,
    /// Types of events that it takes; empty: all.
    pub types: Vec<String>,
    pub kind: SinkKind,
}

#[derive(Debug, Clone)]
pub enum SinkKind {
    /// One line in the node's log per event.
    Log,
    /// An HTTP POST per event.
    Webhook(webhook::Config),
}

impl SinkKind {
    /// The name of the kind in the settings.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook(_) => "webhook",
        }
    }
}

impl Config {
    /// The defaults for these sinks: polls every 200 ms, 32 subjects at a time, 15 s per try, 10 s
    /// to drain, and a random seed.
    #[must_use]
    pub fn new(sinks: Vec<SinkConfig>) -> Self {
        Self {
            sinks,
            poll_interval: Duration::from_millis(200),
            concurrency: NonZeroUsize::MIN.saturating_add(31),
            send_timeout: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(10),
            seed: rand::random(),
        }
    }
}
