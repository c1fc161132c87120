//! The relay's settings.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::{event_hubs, redis_stream, service_bus, webhook};

/// Which sinks there are, and how the relay works for each of them.
#[derive(Debug, Clone)]
pub struct Config {
    pub sinks: Vec<SinkConfig>,
    /// How long an idle sink waits before it looks for due deliveries again, if nothing wakes it.
    pub poll_interval: Duration,
    /// Failed tries after which a delivery is parked. Those that reach nobody are not counted.
    pub max_attempts: NonZeroU32,
    /// Age at which delivered events are removed; `None` keeps them.
    pub retention: Option<Duration>,
    /// How long one try may take, whatever the sink's own time-outs are.
    pub send_timeout: Duration,
    /// How long [`crate::Relay::stop`] waits for what is in flight; the rest stays due.
    pub drain_timeout: Duration,
    /// Where the jitter of the back-off begins.
    pub seed: u64,
}

/// With 30 s at most between two tries, most of an hour.
pub const MAX_ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);

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
    /// A message per event to a queue or topic.
    ServiceBus(service_bus::Config),
    /// An event per event, into another event hub.
    EventHubs(event_hubs::Config),
    /// An entry of a Redis stream per event.
    RedisStream(redis_stream::Config),
}

impl SinkKind {
    /// The name of the kind in the settings.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook(_) => "webhook",
            Self::ServiceBus(_) => "service_bus",
            Self::EventHubs(_) => "event_hubs",
            Self::RedisStream(_) => "redis_stream",
        }
    }

    /// Subjects that are sent to it at the same time. A receiver over HTTP answers each of them on
    /// a connection of its own; the others carry many on one.
    #[must_use]
    pub(crate) const fn concurrency(&self) -> NonZeroUsize {
        match self {
            Self::Log | Self::Webhook(_) => NonZeroUsize::MIN.saturating_add(31),
            Self::ServiceBus(_) | Self::EventHubs(_) | Self::RedisStream(_) => {
                NonZeroUsize::MIN.saturating_add(255)
            }
        }
    }
}

impl Config {
    /// The defaults for these sinks: looks every second, 15 s per try, 200 tries, 10 s to drain,
    /// delivered events kept, and a random seed.
    #[must_use]
    pub fn new(sinks: Vec<SinkConfig>) -> Self {
        Self {
            sinks,
            poll_interval: Duration::from_secs(1),
            max_attempts: MAX_ATTEMPTS,
            retention: None,
            send_timeout: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(10),
            seed: rand::random(),
        }
    }
}
