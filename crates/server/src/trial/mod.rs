//! What `rollcall doctor azure` tries on a namespace, one step after the other.
//!
//! Without leave to send, it only signs in and asks. With it, it sends a few marked events to one
//! partition, and steals that partition from itself within one consumer group. It owns its
//! connections and closes them all; what it sent stays, since events cannot be deleted. Its events
//! name no owner, so that a Rollcall that reads them makes dead letters of them and enters nobody.

mod events;
mod fencing;

use std::time::Duration;

use azure_messaging_eventhubs::models::EventHubPartitionProperties;
use azure_messaging_eventhubs::{
    ConsumerClient, EventReceiver, OpenReceiverOptions, StartLocation, StartPosition,
};
use rollcall_source::{Access, Config, Error, client};
use tokio::time::Instant;
use uuid::Uuid;

use crate::commands::doctor::Check;

/// The owner level of the trial's first receiver; its thief has the next one.
const FIRST_EPOCH: i64 = 1;
/// How long a step waits for what the hub should do.
const PATIENCE: Duration = Duration::from_secs(15);

/// What to try.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) source: Config,
    /// The credential's name in the settings, for a namespace that is signed in to.
    pub(crate) credential: &'static str,
    /// By this mark its own events are known.
    pub(crate) id: Uuid,
    /// The partition to send to, if it may send at all.
    pub(crate) partition_id: Option<String>,
}

impl Trial {
    /// Tries everything that may be tried.
    ///
    /// # Errors
    /// If there is no connection to be had. Whatever fails behind it is a failed check.
    pub(crate) async fn run(&self) -> Result<Vec<Check>, Error> {
        let begun = Instant::now();
        let consumer = client::open_consumer(&self.source).await?;
        let opened = format!("{}, {}", self.way(), milliseconds(begun));
        let mut checks = vec![Check::new("connection opens", Ok(Some(opened)))];
        let described = self.describe(&consumer).await;
        let is_in = described.is_ok();
        checks.push(Check::new(
            "signs in and reads the hub",
            described.map(Some),
        ));
        match &self.partition_id {
            Some(partition_id) if is_in => {
                Box::pin(self.try_partition(&consumer, partition_id, &mut checks)).await;
            }
            Some(_) => {}
            None => checks.push(Check::new(
                "sends, receives, steals",
                Ok(Some(
                    "not tried: allow it by --send with --partition and --consumer-group"
                        .to_owned(),
                )),
            )),
        }
        let closed = self.within("close the connection", consumer.close()).await;
        // A connection that was not let in may not close in order either; that is no news.
        let closed = match closed {
            Err(fault) if !is_in => Ok(Some(format!("it says: {fault}"))),
            closed => closed.map(|()| None),
        };
        checks.push(Check::new("closes", closed));
        Ok(checks)
    }

    async fn try_partition(
        &self,
        consumer: &ConsumerClient,
        partition_id: &str,
        checks: &mut Vec<Check>,
    ) {
        let partition = match self.partition(consumer, partition_id).await {
            Ok(partition) => partition,
            Err(fault) => return checks.push(Check::new("reads the partition", Err(fault))),
        };
        checks.push(Check::new(
            "reads the partition",
            Ok(Some(shown(&partition))),
        ));
        let opening = self.open(consumer, &partition, FIRST_EPOCH).await;
        let receiver = match opening {
            Ok(receiver) => receiver,
            Err(error) => {
                return checks.push(Check::new("opens a receiver", Err(error.to_string())));
            }
        };
        checks.extend(events::send_and_receive(self, &partition, &receiver).await);
        checks.extend(fencing::steal(self, &partition, &receiver).await);
        let closed = self.within("close the receiver", receiver.close()).await;
        // A stolen link is closed already, and may say so.
        checks.push(Check::new(
            "closes the stolen receiver",
            Ok(closed.err().map(|fault| format!("it says: {fault}"))),
        ));
    }

    async fn describe(&self, consumer: &ConsumerClient) -> Result<String, String> {
        let begun = Instant::now();
        let asked = consumer.get_eventhub_properties();
        let hub = self.within("read the hub's properties", asked).await?;
        let created_at = hub.created_on.map_or_else(
            || "at an unknown time".to_owned(),
            |at| format!("at {}", rollcall_source::timestamp(at)),
        );
        Ok(format!(
            "{} with {} partitions, created {created_at}; {}",
            hub.name,
            hub.partition_ids.len(),
            milliseconds(begun)
        ))
    }

    async fn partition(
        &self,
        consumer: &ConsumerClient,
        partition_id: &str,
    ) -> Result<EventHubPartitionProperties, String> {
        let operation = format!("read the properties of partition {partition_id}");
        let asked = consumer.get_partition_properties(partition_id);
        self.within(&operation, asked).await
    }

    /// A receiver behind what the partition has now.
    async fn open(
        &self,
        consumer: &ConsumerClient,
        partition: &EventHubPartitionProperties,
        epoch: i64,
    ) -> Result<EventReceiver, Error> {
        let location = if partition.is_empty {
            StartLocation::Earliest
        } else {
            StartLocation::SequenceNumber(partition.last_enqueued_sequence_number)
        };
        let options = OpenReceiverOptions {
            owner_level: Some(epoch),
            start_position: Some(StartPosition {
                location,
                inclusive: false,
            }),
            ..OpenReceiverOptions::default()
        };
        let operation = format!(
            "open a receiver on partition {} with epoch {epoch}",
            partition.id
        );
        let opening = consumer.open_receiver_on_partition(partition.id.clone(), Some(options));
        client::within(self.source.request_timeout, &operation, opening).await
    }

    async fn within<T>(
        &self,
        operation: &str,
        request: impl Future<Output = Result<T, azure_messaging_eventhubs::EventHubsError>>,
    ) -> Result<T, String> {
        let done = client::within(self.source.request_timeout, operation, request).await;
        done.map_err(|error| error.to_string())
    }

    /// How we come in.
    fn way(&self) -> String {
        let by = match &self.source.access {
            Access::ConnectionString(_) => "by a connection string".to_owned(),
            Access::Credential { .. } => format!("by the credential {}", self.credential),
        };
        let over = match self.source.transport {
            rollcall_source::Transport::Amqp => "AMQP",
            rollcall_source::Transport::AmqpWebSockets => "AMQP over WebSockets",
        };
        format!("{by} over {over}")
    }
}

fn shown(partition: &EventHubPartitionProperties) -> String {
    let id = &partition.id;
    if partition.is_empty {
        let last = partition.last_enqueued_sequence_number;
        return format!("{id} is empty; its last number was {last}");
    }
    format!(
        "{id} has {} to {}, last offset {:?}",
        partition.beginning_sequence_number,
        partition.last_enqueued_sequence_number,
        partition.last_enqueued_offset
    )
}

fn milliseconds(since: Instant) -> String {
    format!("{} ms", since.elapsed().as_millis())
}
