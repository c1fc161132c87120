//! One replay: read by a receiver of its own, under a consumer group of its own, so that whoever
//! reads the partition is not displaced; decoded and admitted as live events are, so that newcomers
//! are entered once as well; stored where it is missing.
//!
//! It has a source of its own, which ends with it, and owns no position: the checkpoint stays where
//! it is, and a replay that is cut off is begun again by whoever asked for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{DropReason, Epoch, OwnerId, SequenceNumber, StatusMessage, SubOwnerId};
use rollcall_source::{Chunk, Opening, PartitionStream, PullLimits, Source, StartPosition};
use rollcall_store::{ReplayAnswer, ReplayBasis, ReplayChunk, ReplayMode, Unstored};
use tokio::time::Instant;

use crate::decoded::{Decoded, status};
use crate::decoding::Decoding;
use crate::directory::OwnerEntry;
use crate::error::chain;
use crate::handle::Inner;
use crate::reader_memory::Condemned;
use crate::replay::{ReplayPoint, ReplayState, Shown, lock};
use crate::replay_range::Run;
use crate::verdict::{Verdict, judge};

/// A replay is in no hurry: small transactions leave room for live ones.
const LIMITS: PullLimits = PullLimits {
    max_events: 2_000,
    max_bytes: 4 << 20,
    max_wait: Duration::ZERO,
};
/// Bytes of events between the wire and a replay.
const PREFETCH_BYTES: u64 = 8 << 20;
/// Between two looks at why nothing comes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For so long a hub that fails is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A replay from its beginning to its end.
pub(crate) async fn live(inner: Arc<Inner>, run: Run, shown: Shown) {
    let (partition_id, drain) = (run.partition_id(), inner.drain.clone());
    let replay = Replay {
        source: own_source(&inner, &run),
        inner: Arc::clone(&inner),
        run,
        shown: Arc::clone(&shown),
    };
    let ended = tokio::select! {
        ended = Box::pin(replay.play()) => ended,
        () = drain.cancelled() => Err("the node stopped".to_owned()),
    };
    let mut progress = lock(&shown);
    progress.ended_at = Some(inner.clock.now());
    progress.state = match ended {
        Ok(()) => ReplayState::Done,
        Err(fault) => {
            progress.fault = Some(fault);
            ReplayState::Failed
        }
    };
    let (stored, fault) = (progress.counts.stored, progress.fault.as_deref());
    let dry_run = progress.dry_run;
    tracing::info!(%partition_id, stored, dry_run, fault, "a replay of partition {partition_id} ended");
}

fn own_source(inner: &Inner, run: &Run) -> Source {
    let mut config = run.source.clone();
    config.consumer_group.clone_from(&run.consumer_group);
    config.prefetch_bytes = PREFETCH_BYTES;
    config.prefetch = None;
    if let ReplayPoint::Time(at) = run.request.from {
        config.start_position = StartPosition::At(at);
    }
    Source::new(config, inner.io.clone())
}

struct Replay {
    inner: Arc<Inner>,
    /// Its own, for the other consumer group.
    source: Source,
    run: Run,
    shown: Shown,
}

impl Replay {
    async fn play(self) -> Result<(), String> {
        let opening = Opening {
            partition_id: self.run.partition_id(),
            // Of two nodes that replay the same partition the later one goes on.
            epoch: Epoch(self.inner.clock.now().as_seconds()),
            hub_created_at: self.run.hub.hub_created_at,
        };
        let from = self.from(opening).await?;
        let basis = self.basis().await?;
        let after = from.previous();
        let mut events = self.source.read(opening, after);
        let played = self.read_all(&mut events, after, basis).await;
        events.close().await;
        played
    }

    /// The first number, found by the hub if it is given as a time.
    async fn from(&self, opening: Opening) -> Result<SequenceNumber, String> {
        let run = &self.run;
        let ReplayPoint::Time(at) = run.request.from else {
            let ReplayPoint::Sequence(from) = run.request.from else {
                return Err("a replay has no beginning".to_owned());
            };
            return Ok(from);
        };
        let found = self.source.first_sequence_number(opening, run.hub).await;
        let found = found.map_err(|error| self.explained(&chain(&error)))?;
        if found == run.hub.first && run.hub.first > run.first {
            return Err(format!(
                "retention may have taken events since {at}: the first one that the hub still has \
                 is {found}; replay from that number on"
            ));
        }
        let from = found.max(run.first);
        run.check_first(from)?;
        lock(&self.shown).from_sequence_number = Some(from);
        Ok(from)
    }

    async fn basis(&self) -> Result<ReplayBasis, String> {
        let (stream_id, partition_id) = (self.run.stream.stream_id, self.run.partition_id());
        let basis = self.inner.store.replay_basis(stream_id, partition_id).await;
        let basis = basis.map_err(|error| chain(&error))?;
        basis.ok_or_else(|| format!("partition {partition_id} was never read"))
    }

    async fn read_all(
        &self,
        events: &mut PartitionStream,
        mut after: SequenceNumber,
        mut basis: ReplayBasis,
    ) -> Result<(), String> {
        while after < self.run.upto {
            let Some(chunks) = self.pull(events, after).await? else {
                return Ok(());
            };
            let (batch, is_last) = self.cut(self.decoded(after, chunks));
            after = batch.span.upto;
            basis = self.store(batch, basis).await?;
            if is_last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next events; `None`: the hub has none of the range any more.
    async fn pull(
        &self,
        events: &mut PartitionStream,
        after: SequenceNumber,
    ) -> Result<Option<Vec<Chunk>>, String> {
        let since = Instant::now();
        loop {
            match tokio::time::timeout(LOOK_EVERY, events.pull(LIMITS)).await {
                Ok(Ok(chunks)) => return Ok(Some(chunks)),
                Ok(Err(ended)) => return Err(format!("the event hub is another one: {ended:?}")),
                Err(_) => {}
            }
            if let Some(fault) = events.condition().fault() {
                if fault.displaced {
                    return Err(format!(
                        "somebody else reads the partition by the consumer group {}",
                        self.run.consumer_group
                    ));
                }
                if since.elapsed() > PATIENCE || names_what_is_not_there(&fault.sentence) {
                    return Err(self.explained(&fault.sentence));
                }
            }
            let hub = self.source.observation(self.run.partition_id());
            if hub.is_some_and(|hub| hub.first > self.run.upto) {
                let missing = self.run.upto.0 - after.0;
                lock(&self.shown).missing += u64::try_from(missing).unwrap_or(0);
                return Ok(None);
            }
        }
    }

    /// With what an operator can do about a consumer group that is not there.
    fn explained(&self, sentence: &str) -> String {
        if !names_what_is_not_there(sentence) {
            return sentence.to_owned();
        }
        format!(
            "{sentence}; the consumer group {0} may not exist in the event hub: create it (az \
             eventhubs eventhub consumer-group create --name {0} …), or name another one by \
             --consumer-group or source.event_hubs.replay_consumer_group",
            self.run.consumer_group
        )
    }

    fn decoded(&self, after: SequenceNumber, chunks: Vec<Chunk>) -> Decoded {
        let retention = self.inner.status_retention;
        let decoding = Decoding {
            config: &self.source.config().decode,
            condemned: &Condemned::new(),
            hub_first: self.run.hub.first,
            expired_before: retention.map(|retention| self.inner.clock.now().minus(retention)),
        };
        decoding.batch(after, chunks)
    }

    /// What of the batch lies in the range, and whether the range ends in it.
    fn cut(&self, mut batch: Decoded) -> (Decoded, bool) {
        let upto = match self.run.request.to {
            Some(ReplayPoint::Time(to)) => {
                let messages = batch.messages.iter();
                let later = messages
                    .map(|message| (message.sequence_number, message.enqueued_at))
                    .chain(
                        batch
                            .dead
                            .iter()
                            .map(|d| (d.sequence_number, d.enqueued_at)),
                    )
                    .chain(batch.expired.iter().copied())
                    .filter(|(_, at)| *at > to)
                    .map(|(number, _)| number.previous());
                later
                    .min()
                    .map_or(self.run.upto, |last| last.min(self.run.upto))
            }
            _ => self.run.upto,
        };
        let is_last = batch.span.upto >= upto;
        if batch.span.upto > upto {
            drop(batch.split_at(upto));
        }
        (batch, is_last)
    }

    async fn store(&self, batch: Decoded, basis: ReplayBasis) -> Result<ReplayBasis, String> {
        let (span, mode) = (batch.span, self.run.request.mode);
        let batch = Arc::new(batch);
        let verdicts = match mode {
            ReplayMode::Store => self.inner.registry.admit(&batch).await,
            ReplayMode::DryRun => self.foreseen(&batch).await?,
        };
        let chunk = chunk(Arc::unwrap_or_clone(batch), &verdicts);
        let events = chunk.statuses.len() + chunk.unstored.len();
        let answer = self.inner.store.replay(basis, chunk, mode).await;
        match answer.map_err(|error| chain(&error))? {
            ReplayAnswer::Done(counts, basis) => {
                if mode == ReplayMode::Store {
                    self.inner.metrics.replayed.inc_by(counts.stored);
                }
                let mut progress = lock(&self.shown);
                progress.missing += span.len().saturating_sub(events as u64);
                progress.sequence_number = Some(span.upto);
                progress.counts.add(&counts);
                Ok(basis)
            }
            ReplayAnswer::Superseded => {
                Err("another replay of the partition stored something meanwhile".to_owned())
            }
            ReplayAnswer::OutOfRange => {
                Err(format!("{span} is not what the checkpoint has passed"))
            }
        }
    }

    /// The verdicts without entering anybody: the status of a newcomer that may be entered would
    /// be stored.
    async fn foreseen(&self, batch: &Decoded) -> Result<Vec<Verdict>, String> {
        let mut wanted: HashMap<OwnerId, Vec<SubOwnerId>> = HashMap::new();
        for message in &batch.messages {
            let sub_owners = wanted.entry(message.owner_id.clone()).or_default();
            if !sub_owners.contains(&message.sub_owner_id) {
                sub_owners.push(message.sub_owner_id.clone());
            }
        }
        let found = self.inner.store.find_owners(wanted.into_iter().collect());
        let found = found.await.map_err(|error| chain(&error))?;
        let known: HashMap<_, _> = found
            .into_iter()
            .flatten()
            .map(|record| (record.owner_id.clone(), OwnerEntry::of(&record)))
            .collect();
        let verdict = |message: &StatusMessage| {
            let newcomer = Verdict::Store {
                value: None,
                version: 1,
            };
            match known.get(&message.owner_id) {
                Some(entry) => judge(entry, message).unwrap_or(newcomer),
                None if self.inner.policy.denies(&message.owner_id) => {
                    Verdict::Drop(DropReason::Denied)
                }
                None => newcomer,
            }
        };
        Ok(batch.messages.iter().map(verdict).collect())
    }
}

fn names_what_is_not_there(sentence: &str) -> bool {
    let sentence = sentence.to_ascii_lowercase();
    ["not-found", "notfound", "not found"]
        .iter()
        .any(|text| sentence.contains(text))
}

fn chunk(batch: Decoded, verdicts: &[Verdict]) -> ReplayChunk {
    let mut chunk = ReplayChunk::default();
    for letter in &batch.dead {
        let place = (letter.sequence_number, letter.enqueued_at);
        chunk
            .unstored
            .push((place.0, place.1, Unstored::Undecodable));
    }
    for (number, at) in &batch.expired {
        let why = Unstored::Dropped(DropReason::Expired);
        chunk.unstored.push((*number, *at, why));
    }
    for (message, verdict) in batch.messages.into_iter().zip(verdicts) {
        let (number, at) = (message.sequence_number, message.enqueued_at);
        let why = match *verdict {
            Verdict::Store { value, version } => {
                chunk.statuses.push(status(message, value, version));
                continue;
            }
            Verdict::Hold { .. } => Unstored::Pending,
            Verdict::Drop(reason) => Unstored::Dropped(reason),
            Verdict::Dead(_) => Unstored::Undecodable,
        };
        chunk.unstored.push((number, at, why));
    }
    chunk
}
