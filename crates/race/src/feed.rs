//! What a consumer reads: its partitions of the hub, through the official client.
//!
//! A task receives and decodes; it ends when the feed is dropped. What it had ahead is lost with
//! it, as with a process that is killed: the position lives in the consumer's checkpoint alone.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use azure_core_amqp::message::AmqpMessageBody;
use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventReceiver, OpenReceiverOptions, StartLocation, StartPosition,
};
use futures::StreamExt as _;
use futures::stream::select_all;
use rollcall_source::client;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

/// Events that are decoded together.
const GROUP: usize = 256;
/// Groups between the task and the consumer.
const GROUPS_AHEAD: usize = 8;
const PREFETCH: u32 = 2_000;
/// Some closes never end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// One status of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) partition: u32,
    pub(crate) sequence_number: i64,
    pub(crate) enqueued_at_micros: i64,
    pub(crate) owner_id: String,
    pub(crate) sub_owner_id: String,
    pub(crate) data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    data_owner_id: &'a str,
    data_owner_sub_id: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A partition and the number of the last event that needs not be read, −1 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) partition: u32,
    pub(crate) after: i64,
}

#[derive(Debug)]
pub(crate) struct Feed {
    queue: mpsc::Receiver<Result<Vec<Message>>>,
    ready: VecDeque<Message>,
}

impl Feed {
    /// Begins to read behind the positions.
    #[must_use]
    pub(crate) fn open(source: rollcall_source::Config, positions: Vec<Position>) -> Self {
        let (sender, queue) = mpsc::channel(GROUPS_AHEAD);
        tokio::spawn(async move {
            if let Err(error) = read(&source, &positions, &sender).await {
                // A consumer that has gone has no use for it.
                drop(sender.send(Err(error)).await);
            }
        });
        Self {
            queue,
            ready: VecDeque::new(),
        }
    }

    /// # Errors
    /// If the hub cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            let group = self.group().await?;
            self.ready.extend(group);
        }
    }

    /// What is there, at least one and at most `limit`.
    ///
    /// # Errors
    /// As [`Feed::next`].
    pub(crate) async fn batch(&mut self, limit: usize) -> Result<Vec<Message>> {
        let first = self.next().await?;
        while self.ready.len() + 1 < limit {
            match self.queue.try_recv() {
                Ok(group) => self.ready.extend(group?),
                Err(_) => break,
            }
        }
        let rest = self.ready.len().min(limit.saturating_sub(1));
        Ok(std::iter::once(first)
            .chain(self.ready.drain(..rest))
            .collect())
    }

    async fn group(&mut self) -> Result<Vec<Message>> {
        let group = self.queue.recv().await;
        group.context("the hub is not read any more")?
    }
}

async fn read(
    source: &rollcall_source::Config,
    positions: &[Position],
    queue: &mpsc::Sender<Result<Vec<Message>>>,
) -> Result<()> {
    let client = client::open_consumer(source).await?;
    let mut receivers = Vec::new();
    for position in positions {
        receivers.push((position.partition, open(&client, *position).await?));
    }
    let outcome = pump(&receivers, queue).await;
    let closing = async {
        for (_, receiver) in receivers {
            drop(receiver.close().await);
        }
        drop(client.close().await);
    };
    if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
        tracing::debug!("a connection to the hub did not close in time");
    }
    outcome
}

async fn open(client: &ConsumerClient, position: Position) -> Result<EventReceiver> {
    let location = match position.after {
        -1 => StartLocation::Earliest,
        after => StartLocation::SequenceNumber(after),
    };
    let options = OpenReceiverOptions {
        owner_level: None,
        prefetch: Some(PREFETCH),
        start_position: Some(StartPosition {
            location,
            inclusive: false,
        }),
        receive_timeout: None,
    };
    let partition = position.partition.to_string();
    Box::pin(client.open_receiver_on_partition(partition, Some(options)))
        .await
        .with_context(|| format!("cannot read partition {}", position.partition))
}

/// Until the consumer is gone.
async fn pump(
    receivers: &[(u32, EventReceiver)],
    queue: &mpsc::Sender<Result<Vec<Message>>>,
) -> Result<()> {
    let streams = receivers.iter().map(|(partition, receiver)| {
        let stream = receiver.stream_events();
        stream.map(|received| (*partition, received))
    });
    let mut groups = select_all(streams).ready_chunks(GROUP);
    loop {
        let group = tokio::select! {
            () = queue.closed() => return Ok(()),
            group = groups.next() => group.context("a partition ended")?,
        };
        let decoded = group
            .into_iter()
            .map(|(partition, received)| decode(partition, &received?))
            .collect::<Result<Vec<_>>>()?;
        if queue.send(Ok(decoded)).await.is_err() {
            return Ok(());
        }
    }
}

fn decode(partition: u32, event: &ReceivedEventData) -> Result<Message> {
    let sequence_number = event.sequence_number().context("an event has no number")?;
    let enqueued_at = event.enqueued_time().context("an event has no time")?;
    let AmqpMessageBody::Binary(parts) = &event.raw_amqp_message().body else {
        return Err(anyhow!("event {sequence_number} has no binary body"));
    };
    let bytes = parts.first().context("an event has no body")?;
    let body: Body<'_> = serde_json::from_slice(bytes)
        .with_context(|| format!("event {sequence_number} of partition {partition}"))?;
    Ok(Message {
        partition,
        sequence_number,
        enqueued_at_micros: rollcall_source::timestamp(enqueued_at).as_micros(),
        owner_id: body.data_owner_id.to_owned(),
        sub_owner_id: body.data_owner_sub_id.to_owned(),
        data: body.data.get().to_owned(),
    })
}
