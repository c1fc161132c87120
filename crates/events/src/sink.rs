//! The trait that every sink implements.

use std::time::Duration;

use async_trait::async_trait;
use rollcall_store::Delivery;

/// Takes events out of the house. Sends of different subjects run at the same time.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Returns when the receiver has the event for good. The same event may come again, under the
    /// same id: after a lost answer, a crash or a panic.
    ///
    /// # Errors
    /// If the receiver did not take it, or if that is unknown. The relay tries again.
    async fn send(&self, event: &Delivery) -> Result<(), SinkError>;
}

/// Why a try failed: one sentence without secrets, fit for `outbox_deliveries.last_error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It may work later; not before `retry_after`, if the receiver said so.
    #[error("{reason}")]
    Retryable {
        reason: String,
        retry_after: Option<Duration>,
    },
    /// Nothing can be sent at all just now, whichever the event: nobody is at the other end, or it
    /// does not let us in, or is busy. Such tries are not counted against the event.
    #[error("{reason}")]
    Unreachable { reason: String },
    /// The receiver refuses this event, and somebody has to change something.
    #[error("{reason}")]
    Permanent { reason: String },
}

impl SinkError {
    pub(crate) fn retryable(reason: impl Into<String>) -> Self {
        Self::Retryable {
            reason: reason.into(),
            retry_after: None,
        }
    }

    pub(crate) fn unreachable(reason: impl Into<String>) -> Self {
        Self::Unreachable {
            reason: reason.into(),
        }
    }

    /// What the receiver asked for, if it did.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Retryable { retry_after, .. } => *retry_after,
            Self::Unreachable { .. } | Self::Permanent { .. } => None,
        }
    }
}
