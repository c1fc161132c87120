//! A device: the official client, sending to the partitions that the test names.

use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{EventDataBatchOptions, ProducerClient};

pub(crate) struct Sender {
    client: ProducerClient,
}

/// What a client of a hub on this machine is made of.
pub(super) fn hub_at(port: u16) -> rollcall_source::Config {
    rollcall_source::Config {
        custom_endpoint: Some(format!("amqp://127.0.0.1:{port}")),
        ..rollcall_source::Config::default()
    }
}

impl Sender {
    /// Connects to a hub on this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let config = hub_at(port);
        let opening = rollcall_source::client::open_producer(&config);
        Self {
            client: Box::pin(opening).await.unwrap(),
        }
    }

    /// Sends bodies to a partition, in as few batches as they fit into; returns when the hub has
    /// acknowledged them all.
    pub(crate) async fn send(&self, partition: u32, bodies: impl IntoIterator<Item = Vec<u8>>) {
        let events = bodies
            .into_iter()
            .map(|body| EventData::builder().with_body(body).build());
        self.send_events(partition, events).await;
    }

    pub(crate) async fn send_events(
        &self,
        partition: u32,
        events: impl IntoIterator<Item = EventData>,
    ) {
        let mut events = events.into_iter().peekable();
        while events.peek().is_some() {
            let options = EventDataBatchOptions {
                partition_id: Some(partition.to_string()),
                ..EventDataBatchOptions::default()
            };
            let batch = Box::pin(self.client.create_batch(Some(options)))
                .await
                .unwrap();
            let mut taken = 0;
            while let Some(event) = events.peek() {
                if !batch.try_add_event_data(event.clone(), None).unwrap() {
                    break;
                }
                events.next();
                taken += 1;
            }
            assert!(taken > 0, "an event does not fit into a batch of its own");
            Box::pin(self.client.send_batch(batch, None)).await.unwrap();
        }
    }

    pub(crate) async fn close(self) {
        Box::pin(self.client.close()).await.unwrap();
    }
}
