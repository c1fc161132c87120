//! The receiver of one partition: a task on the I/O runtime that keeps the partition open and
//! hands on what it delivers.
//!
//! It owns the position: what is at or below the last number is passed over, a jump in the numbers
//! makes it open once more at the last number, and every open (also after an error) begins right
//! behind the last number. It never gives up and never raises its owner level: it backs off and
//! says in its [`Condition`] what is wrong. It ends when nobody listens, or when the hub turns out
//! to be another one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventHubsError, EventReceiver, OpenReceiverOptions, StartLocation,
    StartPosition as ClientPosition,
};
use futures::{Stream, StreamExt};
use rollcall_model::{SequenceNumber, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::chunk::Chunk;
use crate::condition::Condition;
use crate::credit::Credit;
use crate::observer::{self, PartitionDescription};
use crate::room::Room;
use crate::source::{Opening, Shared};
use crate::{Error, client};

/// Chunks between this task and the reader: two, since a chunk grows while they wait, and the reader
/// finds about half a batch when it comes. Their bytes are bounded apart, by permits.
pub(crate) const CHUNKS_IN_QUEUE: usize = 2;
/// Bytes of one chunk at the most; a single event may exceed it.
const CHUNK_BYTES: usize = 256 << 10;
/// Events of one chunk at the most.
const CHUNK_EVENTS: usize = 512;

/// What the client's stream yields.
type Received = Result<ReceivedEventData, EventHubsError>;

/// What comes through the queue.
pub(crate) enum Item {
    /// The permits are given back when the chunk is pulled.
    Chunk(Chunk, Option<OwnedSemaphorePermit>),
    /// The hub is not the one that the position belongs to; nothing follows.
    AnotherGeneration(PartitionDescription),
}

/// Why a receiver ended.
enum End {
    NobodyListens,
    AnotherGeneration(PartitionDescription),
    /// Open again behind the last number: at once (`None`) or after a back-off.
    Reopen(Option<Error>),
}

pub(crate) struct Receiver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) opening: Opening,
    pub(crate) queue: mpsc::Sender<Item>,
    /// The bytes that may lie in the queue.
    pub(crate) room: Room,
    pub(crate) condition: Arc<Condition>,
    /// The last number that was handed on.
    pub(crate) last: SequenceNumber,
    /// The number behind which a jump has already led to one more open.
    pub(crate) reopened_after: Option<SequenceNumber>,
    pub(crate) credit: Credit,
    pub(crate) backoff: Backoff,
}

impl Receiver {
    pub(crate) async fn run(mut self) {
        loop {
            let cause = match self.open_and_read().await {
                End::NobodyListens => return,
                End::AnotherGeneration(description) => {
                    // If nobody listens any more, nobody needs to know.
                    drop(self.queue.send(Item::AnotherGeneration(description)).await);
                    return;
                }
                End::Reopen(None) => continue,
                End::Reopen(Some(cause)) => cause,
            };
            self.note_failure(&cause);
            let pause = tokio::time::sleep(self.backoff.next_delay());
            tokio::select! {
                () = self.queue.closed() => return,
                () = pause => {}
            }
        }
    }

    fn note_failure(&self, cause: &Error) {
        let metrics = &self.shared.metrics;
        metrics.failures.inc();
        if matches!(cause, Error::Displaced { .. }) {
            metrics.displacements.inc();
        }
        let partition_id = self.opening.partition_id;
        if self.condition.set_fault(cause) {
            tracing::warn!(%partition_id, error = %cause, "the partition cannot be read just now");
        }
    }

    async fn open_and_read(&mut self) -> End {
        let connecting = self.shared.connections.get(self.opening.partition_id);
        let client = match connecting.await {
            Ok(client) => client,
            Err(error) => return End::Reopen(Some(error)),
        };
        let end = match self.open(&client).await {
            Ok(receiver) => self.read_and_close(receiver).await,
            Err(end) => end,
        };
        // After an error the connection is not trusted. A displaced link says nothing against it.
        if matches!(&end, End::Reopen(Some(error)) if !matches!(error, Error::Displaced { .. })) {
            self.shared
                .connections
                .discard(self.opening.partition_id, client)
                .await;
        }
        end
    }

    async fn open(&mut self, client: &ConsumerClient) -> Result<EventReceiver, End> {
        let description = self
            .shared
            .describe_on(client, self.opening.partition_id)
            .await
            .map_err(failed)?;
        let recreated = description.hub_created_at != self.opening.hub_created_at;
        if recreated || description.last < self.last {
            return Err(End::AnotherGeneration(description));
        }
        self.account_for_expired(&description).await?;
        let options = OpenReceiverOptions {
            owner_level: Some(self.opening.epoch.0),
            prefetch: Some(self.credit.begin()),
            start_position: Some(position_behind(self.last, &description)),
            receive_timeout: None,
        };
        let partition_id = self.opening.partition_id;
        let operation = format!("open a receiver on partition {partition_id}");
        let opening = client.open_receiver_on_partition(partition_id.to_string(), Some(options));
        let limit = self.shared.config.request_timeout;
        let receiver = client::within(limit, &operation, opening)
            .await
            .map_err(failed)?;
        self.shared.metrics.opens.inc();
        Ok(receiver)
    }

    /// Where retention has taken everything behind our position, no event will ever tell.
    async fn account_for_expired(&mut self, hub: &PartitionDescription) -> Result<(), End> {
        if hub.last < hub.first && hub.last > self.last {
            self.last = hub.last;
            return self.enqueue(Chunk::expired(hub.last)).await;
        }
        Ok(())
    }

    async fn read_and_close(&mut self, receiver: EventReceiver) -> End {
        let end = self.read(&receiver).await;
        let operation = format!(
            "close the receiver of partition {}",
            self.opening.partition_id
        );
        let limit = self.shared.config.request_timeout;
        let closed = client::within(limit, &operation, receiver.close()).await;
        match (end, closed) {
            // A link that did not close would go on mid-stream: only a new connection helps.
            (End::Reopen(None), Err(error)) => End::Reopen(Some(error)),
            (end, _) => end,
        }
    }

    async fn read(&mut self, receiver: &EventReceiver) -> End {
        let mut stream = receiver.stream_events();
        let mut silent_since = Instant::now();
        let check = self.shared.config.stall_timeout / 4;
        loop {
            let received = tokio::select! {
                () = self.queue.closed() => return End::NobodyListens,
                received = tokio::time::timeout(check, stream.next()) => received,
            };
            match received {
                Ok(Some(event)) => {
                    if let Err(end) = self.hand_on(event, &mut stream).await {
                        return end;
                    }
                    // Only now: a reader that pauses us does not make the partition silent.
                    silent_since = Instant::now();
                }
                Ok(None) => return End::Reopen(Some(self.failure("it ended"))),
                Err(_) if self.is_stalled(silent_since.elapsed()) => {
                    self.shared.metrics.stalls.inc();
                    return End::Reopen(Some(
                        self.failure("it is silent though the hub has events"),
                    ));
                }
                // Silent and not behind: whatever was wrong before is over.
                Err(_) => {
                    self.condition.clear_fault();
                    self.backoff.reset();
                }
            }
        }
    }

    fn is_stalled(&self, silent: Duration) -> bool {
        let ahead = |hub: PartitionDescription| hub.last > self.last && hub.last >= hub.first;
        silent >= self.shared.config.stall_timeout
            && self
                .shared
                .observation(self.opening.partition_id)
                .is_some_and(ahead)
    }

    fn failure(&self, cause: &str) -> Error {
        let operation = format!("read partition {}", self.opening.partition_id);
        Error::Unavailable {
            operation,
            cause: cause.to_owned(),
        }
    }

    /// Hands on the event and those behind it. Each is put into the chunk at once: the client's events
    /// are large, and gathering them first would cost more than decoding them.
    async fn hand_on(
        &mut self,
        first: Received,
        stream: &mut (impl Stream<Item = Received> + Unpin),
    ) -> Result<(), End> {
        let mut chunk = Chunk::default();
        let mut end = self.take(first, &mut chunk).err();
        while end.is_none() && chunk.len() < CHUNK_EVENTS && chunk.bytes() < CHUNK_BYTES {
            let Some(event) = self.next_before_room(stream).await else {
                break;
            };
            end = self.take(event, &mut chunk).err();
        }
        if !chunk.is_empty() {
            self.enqueue(chunk).await?;
        }
        match end {
            Some(end) => Err(end),
            None if self.credit.should_change() => Err(End::Reopen(None)),
            None => Ok(()),
        }
    }

    /// The next event, unless none is there yet and the queue has room: a chunk grows for as long as
    /// the reader has not come for the ones before it, which costs neither a moment nor a wake-up.
    async fn next_before_room(
        &self,
        stream: &mut (impl Stream<Item = Received> + Unpin),
    ) -> Option<Received> {
        tokio::select! {
            biased;
            event = stream.next() => event,
            _ = self.queue.reserve() => None,
        }
    }

    /// Puts the event into the chunk, unless it is a repeat or lies behind a jump.
    fn take(&mut self, received: Received, chunk: &mut Chunk) -> Result<(), End> {
        let event = received.map_err(|error| {
            let operation = format!("read partition {}", self.opening.partition_id);
            End::Reopen(Some(Error::of_client(&operation, &error)))
        })?;
        let Some(number) = event.sequence_number().map(SequenceNumber) else {
            return Err(End::Reopen(Some(
                self.failure("an event has no sequence number"),
            )));
        };
        if number <= self.last {
            self.shared.metrics.repeats.inc();
            return Ok(());
        }
        if number != self.last.next() && self.reopened_after != Some(self.last) {
            self.reopened_after = Some(self.last);
            return Err(End::Reopen(None));
        }
        if !chunk.push_received(number, &event) {
            return Err(End::Reopen(Some(
                self.failure("an event has no enqueued time"),
            )));
        }
        self.last = number;
        Ok(())
    }

    async fn enqueue(&mut self, chunk: Chunk) -> Result<(), End> {
        self.credit.note(chunk.len(), chunk.bytes());
        self.backoff.reset();
        self.condition.clear_fault();
        let metrics = &self.shared.metrics;
        metrics.chunks.inc();
        metrics.events.inc_by(chunk.len() as u64);
        metrics.bytes.inc_by(chunk.bytes() as u64);
        let waiting = Instant::now();
        let permit = tokio::select! {
            permit = self.room.take(chunk.bytes()) => permit,
            () = self.queue.closed() => return Err(End::NobodyListens),
        };
        let sent = self.queue.send(Item::Chunk(chunk, permit)).await;
        let waited = u64::try_from(waiting.elapsed().as_millis()).unwrap_or(u64::MAX);
        metrics.blocked_milliseconds.inc_by(waited);
        sent.map_err(|_| End::NobodyListens)
    }
}

fn failed(error: Error) -> End {
    End::Reopen(Some(error))
}

/// The hub refuses a position that it no longer has, so below its first event we ask for the
/// earliest.
fn position_behind(last: SequenceNumber, description: &PartitionDescription) -> ClientPosition {
    let location = if last.next() <= description.first {
        StartLocation::Earliest
    } else {
        StartLocation::SequenceNumber(last.0)
    };
    ClientPosition {
        location,
        inclusive: false,
    }
}

/// The number of the first event that was enqueued at or after `at`; the one after the last if
/// there is none yet.
pub(crate) async fn first_at(
    shared: &Shared,
    opening: &Opening,
    at: Timestamp,
    description: &PartitionDescription,
) -> Result<SequenceNumber, Error> {
    let none_yet = description.last_enqueued_at.is_none_or(|last| last < at);
    if none_yet || description.last < description.first {
        return Ok(description.last.next());
    }
    let partition_id = opening.partition_id;
    let operation = format!("find the first event of partition {partition_id} since {at}");
    let client = shared.connections.get(partition_id).await?;
    let location = StartLocation::EnqueuedTime(at.to_offset().into());
    let options = OpenReceiverOptions {
        owner_level: Some(opening.epoch.0),
        prefetch: Some(1),
        start_position: Some(ClientPosition {
            location,
            inclusive: true,
        }),
        receive_timeout: None,
    };
    let limit = shared.config.request_timeout;
    let opened = client.open_receiver_on_partition(partition_id.to_string(), Some(options));
    let receiver = match client::within(limit, &operation, opened).await {
        Ok(receiver) => receiver,
        Err(error) => {
            shared.connections.discard(partition_id, client).await;
            return Err(error);
        }
    };
    let found = client::within(limit, &operation, async {
        receiver.stream_events().next().await.transpose()
    })
    .await;
    let closed = client::within(limit, &operation, receiver.close()).await;
    if found.is_err() || closed.is_err() {
        shared.connections.discard(partition_id, client).await;
    }
    let number = found?.and_then(|event| event.sequence_number());
    number.map(SequenceNumber).ok_or(Error::Unavailable {
        operation,
        cause: "the hub delivered nothing".to_owned(),
    })
}

impl Shared {
    pub(crate) async fn describe_on(
        &self,
        client: &ConsumerClient,
        partition_id: rollcall_model::PartitionId,
    ) -> Result<PartitionDescription, Error> {
        let hub = observer::describe_hub(&self.config, client).await?;
        self.partitions
            .store(hub.partition_ids.len(), Ordering::Relaxed);
        let created_at = hub.created_at;
        let description =
            observer::describe_partition(&self.config, client, partition_id, created_at).await?;
        self.observed.insert(partition_id, description);
        Ok(description)
    }
}
