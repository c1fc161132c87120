//! How a reader begins: claim the partition, compare the hub with the stream, find the position.

use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Epoch, SequenceNumber};
use rollcall_source::{Opening, PartitionDescription, PartitionStream};
use rollcall_store::{Answer, Claim, Stream};
use tokio::time::Instant;

use crate::deadline::within;
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

/// How the beginning went.
pub(crate) enum Beginning {
    Reads(Start),
    /// Not just now; the gauge says why.
    NotYet,
    /// Another node holds the lease: the partition is the keeper's again.
    HeldElsewhere,
}

/// Why it could not begin.
enum Hindrance {
    HeldElsewhere,
    Fault(String),
}

impl From<String> for Hindrance {
    fn from(fault: String) -> Self {
        Self::Fault(fault)
    }
}

pub(crate) async fn start(parts: &ReaderParts) -> Beginning {
    let partition_id = parts.partition_id;
    match try_start(parts).await {
        Ok(start) => Beginning::Reads(start),
        Err(Hindrance::HeldElsewhere) => {
            tracing::info!(%partition_id, "another node holds the lease: the partition is left to it");
            Beginning::HeldElsewhere
        }
        Err(Hindrance::Fault(fault)) => {
            tracing::warn!(%partition_id, fault, "the partition is not read yet");
            parts.gauge.note_fault(fault);
            tokio::time::sleep(RETRY).await;
            Beginning::NotYet
        }
    }
}

async fn try_start(parts: &ReaderParts) -> Result<Start, Hindrance> {
    let partition_id = parts.partition_id;
    // Before the claim: a hub that is away must not cost an epoch at every try.
    let hub = parts
        .source
        .describe_partition(partition_id)
        .await
        .map_err(|error| chain(&error))?;
    let stream = generation(parts, &hub, None).await?;
    let claim = claim(parts, &stream).await?;
    let hub = compare(parts, &stream, hub, claim.checkpoint).await?;
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

async fn claim(parts: &ReaderParts, stream: &Stream) -> Result<Claim, Hindrance> {
    let (partition_id, stream_id) = (parts.partition_id, stream.stream_id);
    // From before the question: the lease lasts at least so long.
    let asked = Instant::now();
    let claiming = parts
        .store
        .claim_partition(stream_id, partition_id, &parts.tenure);
    let claimed = within(parts.tenure.ttl, claiming).await;
    let claim = claimed
        .map_err(|error| chain(&error))?
        .ok_or(Hindrance::HeldElsewhere)?;
    tracing::info!(%partition_id, epoch = %claim.epoch, "the partition is claimed");
    parts.leases.note_claimed(partition_id);
    let lease_end = parts.lease_end(asked);
    parts.gauge.note_claimed(stream_id, claim.epoch, lease_end);
    Ok(claim)
}

/// Compares the hub with the checkpoint. A last number below it, also when asked again after the
/// claim, means that the numbers began anew: a new generation, which all readers go over to.
async fn compare(
    parts: &ReaderParts,
    stream: &Arc<Stream>,
    hub: PartitionDescription,
    checkpoint: Option<SequenceNumber>,
) -> Result<PartitionDescription, String> {
    let Some(checkpoint) = checkpoint.filter(|checkpoint| hub.last < *checkpoint) else {
        return Ok(hub);
    };
    // Whoever held the partition before may have read on since we asked.
    let asked = parts.source.describe_partition(parts.partition_id).await;
    let hub = asked.map_err(|error| chain(&error))?;
    if hub.last >= checkpoint && hub.hub_created_at == stream.hub_created_at {
        return Ok(hub);
    }
    generation(parts, &hub, Some(stream)).await?;
    Err("the hub was re-created: beginning anew".to_owned())
}

/// The stream of the hub as it shows itself now. A hub that was re-created, or whose numbers began
/// anew below the checkpoint in `outgrown`, is a new generation.
async fn generation(
    parts: &ReaderParts,
    hub: &PartitionDescription,
    outgrown: Option<&Arc<Stream>>,
) -> Result<Arc<Stream>, String> {
    let stream = parts.stream.load_full();
    let recreated = stream.hub_created_at != hub.hub_created_at;
    // Another partition's reader may have found out before us.
    let outgrown = outgrown.is_some_and(|outgrown| outgrown.stream_id == stream.stream_id);
    if !recreated && !outgrown {
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
    let generation = next.generation;
    tracing::warn!(
        generation,
        "the event hub was re-created: another generation"
    );
    // Only over what was compared: somebody else's newer finding stays.
    parts.stream.compare_and_swap(&stream, Arc::clone(&next));
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
    let first = match stream.generation {
        1 => parts.source.first_sequence_number(opening, hub).await,
        // A new generation is read from its beginning, wherever the first one was begun.
        _ => Ok(hub.first),
    };
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
