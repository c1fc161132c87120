//! The partition reader: drives the batches of one partition through their life,
//! `pull → decode → admit → commit`.
//!
//! It owns the partition's window of batches and nothing that outlives it. It keeps a batch until
//! it is committed, so that an actor that dies downstream costs a retry, not data. Batches are
//! admitted and committed in order; when the window is full it stops pulling, and that is the whole
//! back-pressure. It never decides by itself that it still has the lease: a batch that is refused
//! ends it, and its successor claims anew. That it may have the lease no longer it does decide: one
//! that was not extended in time makes it stop, and the partition is the keeper's again.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesOrdered;
use rollcall_model::{Clock, DeadReason, Epoch, PartitionId, SequenceNumber, StreamId, Timestamp};
use rollcall_source::{Chunk, Ended, PartitionStream, PullLimits, Source};
use rollcall_store::{Answer, Batch, Refusal, Store, Stream, Tenure};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::OnGap;
use crate::deadline::within;
use crate::decoded::{Decoded, Fates};
use crate::decoding::Decoding;
use crate::error::chain;
use crate::gap_stop::GapStop;
use crate::lease_gauge::LeaseGauge;
use crate::owner_registry::OwnerRegistry;
use crate::reader_gauge::ReaderGauge;
use crate::reader_memory::{Care, ReaderMemory};
use crate::reader_start::{self, Beginning, Start};
use crate::status_writer::Settled;
use crate::supervisor::{Departure, Lifeline};
use crate::verdict::Verdict;
use crate::writers::{Outcome, Writers};

/// What every incarnation of a partition's reader is made of.
#[derive(Clone)]
pub(crate) struct ReaderParts {
    pub(crate) partition_id: PartitionId,
    pub(crate) source: Source,
    pub(crate) store: Store,
    pub(crate) registry: OwnerRegistry,
    pub(crate) writers: Writers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tenure: Tenure,
    pub(crate) limits: PullLimits,
    /// Batches between pull and commit.
    pub(crate) window: usize,
    pub(crate) on_gap: OnGap,
    pub(crate) stopped_at_gap: prometheus_client::metrics::gauge::Gauge,
    /// Age at which statuses go.
    pub(crate) status_retention: Option<Duration>,
    pub(crate) memory: Arc<ReaderMemory>,
    pub(crate) gauge: Arc<ReaderGauge>,
    /// The generation that is being read.
    pub(crate) stream: Arc<arc_swap::ArcSwap<Stream>>,
    /// Finish what is in flight, release the lease, end.
    pub(crate) drain: CancellationToken,
    /// The keeper found that the lease is lost or that the generation has changed.
    pub(crate) restart: Arc<tokio::sync::Notify>,
    pub(crate) leases: LeaseGauge,
}

impl ReaderParts {
    /// When a lease ends that was extended by what was asked then; `None` where nobody else could
    /// claim it.
    pub(crate) fn lease_end(&self, asked: Instant) -> Option<Instant> {
        self.store.is_shared().then(|| asked + self.tenure.ttl)
    }

    pub(crate) async fn release(
        &self,
        stream_id: StreamId,
        partition_id: PartitionId,
        epoch: Epoch,
    ) {
        let incarnation = self.tenure.incarnation;
        let releasing = self
            .store
            .release_partition(stream_id, partition_id, epoch, incarnation);
        match within(self.tenure.ttl, releasing).await {
            Ok(()) => {
                tracing::info!(%partition_id, %epoch, "the partition is released");
                self.leases.note_released();
            }
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(%partition_id, error, "the lease is not released: it expires by itself");
            }
        }
    }
}

pub(crate) struct PartitionReader {
    parts: Option<ReaderParts>,
    lifeline: Lifeline,
}

impl PartitionReader {
    pub(crate) fn new(parts: ReaderParts, lifeline: Lifeline) -> Self {
        Self {
            parts: Some(parts),
            lifeline,
        }
    }
}

impl Actor for PartitionReader {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let drive = drive(parts)
            .into_actor(self)
            .map(|departure, actor, context| {
                actor.lifeline.depart(departure);
                context.stop();
            });
        context.spawn(drive);
    }
}

/// The life of a reader: claim and open, then batch after batch, until it is drained or refused.
async fn drive(parts: ReaderParts) -> Departure {
    parts.gauge.note_start();
    let beginning = tokio::select! {
        beginning = reader_start::start(&parts) => beginning,
        () = parts.drain.cancelled() => {
            if let Some((stream_id, epoch)) = parts.gauge.lease() {
                parts.release(stream_id, parts.partition_id, epoch).await;
            }
            return Departure::Done;
        }
    };
    let Start {
        epoch,
        stream,
        position,
        hub_first,
        events,
    } = match beginning {
        Beginning::Reads(start) => start,
        Beginning::NotYet => return Departure::Again,
        Beginning::HeldElsewhere => return Departure::Done,
    };
    parts.gauge.note_reading(position, events.condition());
    parts.memory.note_stream(stream.stream_id);
    let (gauge, care) = (Arc::clone(&parts.gauge), parts.memory.care());
    let window = Window {
        admitting: FuturesOrdered::new(),
        committing: FuturesOrdered::new(),
        backlog: None,
        gap_stop: GapStop::new(&parts, stream.stream_id),
        pulled_upto: position,
        hub_first,
        care,
        epoch,
        stream,
        parts,
    };
    let departure = window.run(events).await;
    gauge.note_start();
    departure
}

/// Why a reader stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Everything in flight is committed.
    Drained,
    /// Its successor shall claim anew.
    Again,
    /// The lease has run out.
    Lapsed,
}

type Admitted = (Decoded, Vec<Verdict>);
/// With the time at which it was sent.
type Committed = (Arc<Batch>, Outcome, Instant);

/// The batches of one partition that are in flight, oldest first.
struct Window {
    admitting: FuturesOrdered<BoxFuture<'static, Admitted>>,
    committing: FuturesOrdered<BoxFuture<'static, Committed>>,
    /// Pulled and decoded, not yet admitted.
    backlog: Option<Decoded>,
    gap_stop: GapStop,
    /// The last event that was pulled.
    pulled_upto: SequenceNumber,
    hub_first: SequenceNumber,
    care: Option<Care>,
    epoch: Epoch,
    stream: Arc<Stream>,
    parts: ReaderParts,
}

impl Window {
    async fn run(mut self, mut events: PartitionStream) -> Departure {
        let stop = self.walk(&mut events).await;
        let closing = events.close();
        match stop {
            Stop::Drained => self.release().await,
            Stop::Lapsed => self.note_lapse(),
            Stop::Again => {}
        }
        closing.await;
        match stop {
            Stop::Drained | Stop::Lapsed => Departure::Done,
            Stop::Again => Departure::Again,
        }
    }

    /// The walk of a batch, from pull to commit.
    async fn walk(&mut self, events: &mut PartitionStream) -> Stop {
        let (drain, restart) = (self.parts.drain.clone(), Arc::clone(&self.parts.restart));
        let gauge = Arc::clone(&self.parts.gauge);
        let mut lapsed = std::pin::pin!(gauge.lapsed());
        while !(drain.is_cancelled() && self.is_idle()) {
            self.admit_next();
            if drain.is_cancelled() {
                self.parts.gauge.note_draining();
            }
            let limits = self.limits();
            let may_pull = self.has_room()
                && self.backlog.is_none()
                && !self.gap_stop.is_stopped()
                && !drain.is_cancelled();
            tokio::select! {
                () = &mut lapsed => return Stop::Lapsed,
                pulled = events.pull(limits), if may_pull => match pulled {
                    Ok(chunks) => self.decode(chunks),
                    Err(ended) => return self.ended(ended),
                },
                Some((batch, verdicts)) = self.admitting.next() => self.commit(batch, &verdicts),
                Some((batch, outcome, sent)) = self.committing.next() => {
                    if !self.settle(&batch, outcome, sent) {
                        return Stop::Again;
                    }
                }
                batch = self.gap_stop.passed(), if self.gap_stop.is_stopped()
                    && self.backlog.is_none() && !drain.is_cancelled() => self.backlog = batch,
                () = drain.cancelled(), if !drain.is_cancelled() => {}
                () = restart.notified() => return Stop::Again,
            }
        }
        Stop::Drained
    }

    fn in_flight(&self) -> usize {
        self.admitting.len() + self.committing.len()
    }

    /// What comes while a batch is in flight gathers into the next one, so that batches grow with
    /// the load by themselves; an idle partition does not wait.
    fn limits(&self) -> PullLimits {
        let max_wait = match self.in_flight() {
            0 => Duration::ZERO,
            _ => self.parts.limits.max_wait,
        };
        PullLimits {
            max_wait,
            ..self.parts.limits
        }
    }

    fn is_idle(&self) -> bool {
        self.in_flight() == 0 && self.backlog.is_none()
    }

    fn has_room(&self) -> bool {
        let window = if self.care.is_some() {
            1
        } else {
            self.parts.window
        };
        self.in_flight() < window
    }

    /// Retention may have moved on since the partition was opened.
    fn hub_first(&self) -> SequenceNumber {
        let observed = self.parts.source.observation(self.parts.partition_id);
        observed.map_or(self.hub_first, |hub| hub.first.max(self.hub_first))
    }

    fn expired_before(&self) -> Option<Timestamp> {
        let retention = self.parts.status_retention?;
        Some(self.parts.clock.now().minus(retention))
    }

    fn decode(&mut self, chunks: Vec<Chunk>) {
        fail::fail_point!("reader.pull");
        let condemned = self.parts.memory.condemned();
        let decoding = Decoding {
            config: &self.parts.source.config().decode,
            condemned: &condemned,
            hub_first: self.hub_first(),
            expired_before: self.expired_before(),
        };
        let batch = decoding.batch(self.pulled_upto, chunks);
        fail::fail_point!("reader.decode");
        self.pulled_upto = batch.span.upto;
        self.backlog = self.gap_stop.hold_back(batch);
    }

    /// The whole pull is one batch, unless care demands smaller ones.
    fn admit_next(&mut self) {
        if !self.has_room() {
            return;
        }
        let Some(mut batch) = self.backlog.take() else {
            return;
        };
        self.backlog = self.care.and_then(|care| batch.split_off(care.step));
        if let Some(oldest) = batch.oldest() {
            self.parts.gauge.note_pulled(batch.span.upto, oldest);
        }
        let registry = self.parts.registry.clone();
        let admitted = async move {
            let batch = Arc::new(batch);
            let verdicts = registry.admit(&batch).await;
            // Whole again, now that every slice is answered. Should an actor still hold its end
            // for a moment, a copy serves.
            (Arc::unwrap_or_clone(batch), verdicts)
        };
        self.admitting.push_back(admitted.boxed());
    }

    fn commit(&mut self, decoded: Decoded, verdicts: &[Verdict]) {
        let (span, gaps) = (decoded.span, decoded.gaps.clone());
        let offset = decoded.offset.clone();
        let fates = Fates::new(decoded, verdicts);
        let batch = Arc::new(Batch {
            stream_id: self.stream.stream_id,
            partition_id: self.parts.partition_id,
            epoch: self.epoch,
            incarnation: self.parts.tenure.incarnation,
            span,
            statuses: fates.statuses,
            held: fates.held,
            dead: fates.dead,
            drops: fates.drops,
            gaps,
            offset,
        });
        let writers = self.parts.writers.clone();
        let committed = async move {
            let sent = Instant::now();
            let outcome = writers.commit(Arc::clone(&batch)).await;
            (batch, outcome, sent)
        };
        self.committing.push_back(committed.boxed());
    }

    /// Returns whether the reader goes on.
    fn settle(&mut self, batch: &Batch, outcome: Outcome, sent: Instant) -> bool {
        let partition_id = self.parts.partition_id;
        let refused = match outcome {
            Outcome::Settled(Settled::Answered(Answer::Committed)) => {
                self.parts.memory.note_committed(batch.span.upto);
                let gauge = &self.parts.gauge;
                gauge.note_committed(batch.span.upto, self.parts.clock.now());
                // A commit extends the lease.
                gauge.note_renewed(self.epoch, self.parts.lease_end(sent));
                self.care = self.parts.memory.care();
                return true;
            }
            Outcome::Settled(Settled::Answered(Answer::Refused(refusal))) => {
                tracing::warn!(%partition_id, span = %batch.span, ?refusal, "a batch is refused");
                if matches!(refusal, Refusal::StaleEpoch { .. }) {
                    self.parts.leases.note_lost(partition_id);
                }
                return false;
            }
            Outcome::Settled(Settled::Defect) => {
                self.parts
                    .gauge
                    .note_fault("a batch does not add up: see the log".to_owned());
                return false;
            }
            Outcome::Settled(Settled::RefusedData) => DeadReason::RefusedByStore,
            Outcome::Killed => DeadReason::Poison,
        };
        tracing::warn!(%partition_id, span = %batch.span, reason = %refused, "a batch cannot be stored: looking for the event");
        self.parts
            .memory
            .note_trouble(batch.span, events_of(batch), refused);
        false
    }

    fn ended(&self, ended: Ended) -> Stop {
        let partition_id = self.parts.partition_id;
        tracing::info!(%partition_id, ?ended, "the partition's stream ended: claiming it anew");
        Stop::Again
    }

    async fn release(&self) {
        let (stream_id, partition_id) = (self.stream.stream_id, self.parts.partition_id);
        self.parts
            .release(stream_id, partition_id, self.epoch)
            .await;
    }

    fn note_lapse(&self) {
        let partition_id = self.parts.partition_id;
        let in_flight = self.in_flight();
        tracing::warn!(%partition_id, epoch = %self.epoch, in_flight, "the lease ran out before it could be renewed: reading stops, and what is in flight is left to whoever claims the partition");
        self.parts.leases.note_lapsed(partition_id);
    }
}

fn events_of(batch: &Batch) -> usize {
    let drops = usize::try_from(batch.drops.total()).unwrap_or(usize::MAX);
    batch.statuses.len() + batch.held.len() + batch.dead.len() + drops
}
