//! How a reader begins: claim the partition, compare the hub with the stream, find the position.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Epoch, SequenceNumber};
use rollcall_source::{Opening, PartitionDescription, PartitionStream};
use rollcall_store::{Answer, Claim, Stream};

use crate::error::chain;
use crate::partition_reader::ReaderParts;

/// Between two tries to begin; the supervisor adds its own jitter.
const RETRY: Duration = Duration::from_millis(500);

/// Where a reader begins, and what it reads from.
pub(crate) struct Start {
    pub(crate) epoch: Epoch,
    pub(crate) stream: Arc<Stream>,
    /// The last accounted event.
    pub(crate) position: SequenceNumber,
    /// The first event that the hub has.
    pub(crate) hub_first: SequenceNumber,
    pub(crate) events: PartitionStream,
}

/// `None`: it could not begin just now; the gauge says why.
pub(crate) async fn start(parts: &ReaderParts) -> Option<Start> {
    match try_start(parts).await {
        Ok(start) => Some(start),
        Err(fault) => {
            tracing::warn!(partition_id = %parts.partition_id, fault, "the partition is not read yet");
            parts.gauge.note_fault(fault);
            tokio::time::sleep(RETRY).await;
            None
        }
    }
}

async fn try_start(parts: &ReaderParts) -> Result<Start, String> {
    let partition_id = parts.partition_id;
    // Before the claim: a hub that is away must not cost an epoch at every try.
    let hub = parts
        .source
        .describe_partition(partition_id)
        .await
        .map_err(|error| chain(&error))?;
    let stream = generation(parts, &hub, None).await?;
    let claimed = parts
        .store
        .claim_partition(stream.stream_id, partition_id, &parts.tenure)
        .await;
    let claim = claimed
        .map_err(|error| chain(&error))?
        .ok_or_else(|| "another node holds the lease".to_owned())?;
    let stream_now = generation(parts, &hub, claim.checkpoint).await?;
    if stream_now.stream_id != stream.stream_id {
        return Err("the hub was re-created: beginning anew".to_owned());
    }
    let opening = Opening {
        partition_id,
        epoch: claim.epoch,
        hub_created_at: hub.hub_created_at,
    };
    let position = match claim.checkpoint {
        Some(checkpoint) => checkpoint,
        None => begin(parts, &stream, claim, opening, hub).await?,
    };
    let events = parts.source.read(opening, position);
    Ok(Start {
        epoch: claim.epoch,
        stream,
        position,
        hub_first: hub.first,
        events,
    })
}

/// The stream of the hub as it shows itself now. A hub that was re-created, or whose numbers began
/// anew below our checkpoint, is a new generation, which all readers go over to.
async fn generation(
    parts: &ReaderParts,
    hub: &PartitionDescription,
    checkpoint: Option<SequenceNumber>,
) -> Result<Arc<Stream>, String> {
    let stream = parts.stream.load_full();
    let recreated = stream.hub_created_at != hub.hub_created_at;
    let below = checkpoint.is_some_and(|checkpoint| hub.last < checkpoint);
    if !recreated && !below {
        return Ok(stream);
    }
    let identity = rollcall_store::HubIdentity {
        namespace: stream.namespace.clone(),
        event_hub: stream.event_hub.clone(),
        consumer_group: stream.consumer_group.clone(),
        created_at: hub.hub_created_at,
    };
    let next = if recreated {
        parts.store.resolve_stream(&identity).await
    } else {
        parts
            .store
            .next_generation(stream.stream_id, &identity)
            .await
    };
    let next = Arc::new(next.map_err(|error| chain(&error))?);
    tracing::warn!(
        generation = next.generation,
        "the event hub was re-created: a new generation"
    );
    parts.stream.store(Arc::clone(&next));
    Ok(next)
}

/// Makes the configured start position the position of a partition that has none.
async fn begin(
    parts: &ReaderParts,
    stream: &Stream,
    claim: Claim,
    opening: Opening,
    hub: PartitionDescription,
) -> Result<SequenceNumber, String> {
    let first = parts.source.first_sequence_number(opening, hub).await;
    let first = first.map_err(|error| chain(&error))?;
    let (stream_id, incarnation) = (stream.stream_id, parts.tenure.incarnation);
    let begun = parts
        .store
        .begin_partition(
            stream_id,
            parts.partition_id,
            claim.epoch,
            incarnation,
            first,
            None,
        )
        .await;
    match begun.map_err(|error| chain(&error))? {
        Answer::Committed => Ok(first.previous()),
        Answer::Refused(refusal) => Err(format!("the lease was lost at once: {refusal:?}")),
    }
}
