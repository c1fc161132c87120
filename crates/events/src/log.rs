//! The sink `log`: one line in the node's log per event, without its payload.

use async_trait::async_trait;
use rollcall_store::Delivery;

use crate::{Sink, SinkError};

/// Writes to the log of this process. It cannot fail.
pub struct LogSink {
    name: String,
}

impl LogSink {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
}

#[async_trait]
impl Sink for LogSink {
    async fn send(&self, event: &Delivery) -> Result<(), SinkError> {
        tracing::info!(
            sink = %self.name,
            event_id = %event.event_id,
            event_type = %event.event_type,
            subject = %event.subject,
            created_at = %event.created_at,
            "{} of {} announced as {}", event.event_type, event.subject, event.event_id,
        );
        Ok(())
    }
}
