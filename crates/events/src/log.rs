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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use rollcall_model::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn an_event_is_one_line_with_its_id_and_without_its_payload() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_writer(move || writer.clone());
        let _guard = tracing::subscriber::set_default(subscriber.finish());
        let event = Delivery {
            event_id: Uuid::from_u128(7),
            event_type: "rollcall.owner.created".to_owned(),
            subject: "a%2Fb".to_owned(),
            payload: r#"{"data":"hush"}"#.to_owned(),
            created_at: Timestamp::EPOCH,
            attempts: 0,
        };
        assert_eq!(LogSink::new("audit").send(&event).await, Ok(()));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["fields"]["event_id"], event.event_id.to_string());
        assert_eq!(line["fields"]["subject"], "a%2Fb");
        assert_eq!(line["fields"]["sink"], "audit");
        assert!(!text.contains("hush"), "{text}");
    }
}
