//! The status writer: the database actor that persists what its partitions have settled.
//!
//! While one transaction runs, further batches gather; the next transaction takes them together,
//! so that its size follows the load by itself. Batches of a partition are written in the order in
//! which they came. The writer tries again by itself as long as the database is away; what it
//! answers is final. It decides nothing about positions: the store does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, ActorResponse, AsyncContext, Context, Handler, Message, WrapFuture,
};
use rand::Rng;
use rollcall_store::{Answer, Batch, Error, Kind, Store};
use tokio::sync::oneshot;

use crate::blame::InHand;
use crate::error::chain;
use crate::metrics::Metrics;
use crate::owner_actor::Lost;
use crate::supervisor::Lifeline;

/// More than the windows of all partitions of a large hub.
const MAILBOX: usize = 8_192;
/// Between two tries of a transaction that failed; doubles up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Store a batch and move its checkpoint.
#[derive(Message)]
#[rtype(result = "Result<Settled, Lost>")]
pub(crate) struct Commit {
    pub(crate) batch: Arc<Batch>,
    /// In a transaction of its own: it is suspected of killing the writer.
    pub(crate) alone: Alone,
    pub(crate) in_hand: InHand,
}

/// Whether a batch may share its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    Yes,
    No,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Answered(Answer),
    /// The database refuses its rows.
    RefusedData,
    /// The batch itself is a defect: its reader begins afresh.
    Defect,
}

struct Waiting {
    commit: Commit,
    answer: oneshot::Sender<Settled>,
}

/// What every incarnation of a writer is made of.
#[derive(Clone)]
pub(crate) struct StatusWriterParts {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    /// Events of one transaction; a single batch may exceed it.
    pub(crate) group_max_events: u64,
}

pub(crate) struct StatusWriter {
    parts: StatusWriterParts,
    waiting: VecDeque<Waiting>,
    writing: bool,
    pause: Duration,
    _lifeline: Lifeline,
}

impl Actor for StatusWriter {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
    }
}

impl StatusWriter {
    pub(crate) fn new(parts: StatusWriterParts, lifeline: Lifeline) -> Self {
        let waiting = VecDeque::new();
        Self {
            parts,
            waiting,
            writing: false,
            pause: SHORTEST_PAUSE,
            _lifeline: lifeline,
        }
    }

    fn write_next(&mut self, context: &mut Context<Self>) {
        if !self.writing && !self.waiting.is_empty() {
            let group = self.take_group();
            self.write(group, context);
        }
    }

    /// The oldest batches that fit one transaction.
    fn take_group(&mut self) -> Vec<Waiting> {
        let mut group: Vec<Waiting> = Vec::new();
        let mut events = 0;
        while let Some(next) = self.waiting.front() {
            events += next.commit.batch.span.len();
            let alone = next.commit.alone == Alone::Yes
                || group
                    .last()
                    .is_some_and(|last| last.commit.alone == Alone::Yes);
            if !group.is_empty() && (alone || events > self.parts.group_max_events) {
                break;
            }
            group.extend(self.waiting.pop_front());
        }
        group
    }

    fn write(&mut self, group: Vec<Waiting>, context: &mut Context<Self>) {
        self.writing = true;
        for waiting in &group {
            waiting.commit.in_hand.raise();
        }
        fail::fail_point!("writer.commit");
        self.parts.metrics.groups.inc();
        let batches = group
            .iter()
            .map(|waiting| Arc::clone(&waiting.commit.batch))
            .collect();
        let store = self.parts.store.clone();
        let transaction = async move { store.commit(batches).await };
        let done = transaction.into_actor(self).map(|answer, actor, context| {
            actor.writing = false;
            actor.written(group, answer, context);
        });
        context.spawn(done);
    }

    fn written(
        &mut self,
        group: Vec<Waiting>,
        answer: Result<Vec<Answer>, Error>,
        context: &mut Context<Self>,
    ) {
        match answer {
            Ok(answers) => {
                self.pause = SHORTEST_PAUSE;
                for (waiting, answer) in group.into_iter().zip(answers) {
                    self.note(&waiting.commit.batch, answer);
                    waiting.settle(Settled::Answered(answer));
                }
                self.write_next(context);
            }
            Err(error) => self.not_written(group, &error, context),
        }
    }

    fn note(&self, batch: &Batch, answer: Answer) {
        match answer {
            Answer::Committed => self.parts.metrics.note_committed(batch),
            Answer::Refused(_) => {
                self.parts.metrics.refused_batches.inc();
            }
        }
    }

    fn not_written(&mut self, group: Vec<Waiting>, error: &Error, context: &mut Context<Self>) {
        self.parts.metrics.group_retries.inc();
        tracing::warn!(batches = group.len(), error = %chain(error), "statuses are not stored yet");
        match error.kind {
            Kind::Unavailable | Kind::Unknown | Kind::Schema => self.again(group, context),
            Kind::RefusedData => self.settle_or_separate(group, Settled::RefusedData, context),
            _ => self.settle_or_separate(group, Settled::Defect, context),
        }
    }

    /// The same batches with the same bounds, after a pause: if an earlier try got in all the
    /// same, the position rule says so.
    fn again(&mut self, group: Vec<Waiting>, context: &mut Context<Self>) {
        self.writing = true;
        let pause = self.pause.mul_f64(rand::rng().random_range(0.5..1.5));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        context.run_later(pause, |actor, context| actor.write(group, context));
    }

    /// A group of several is written again one by one, to find whose fault it is.
    fn settle_or_separate(
        &mut self,
        mut group: Vec<Waiting>,
        verdict: Settled,
        context: &mut Context<Self>,
    ) {
        if group.len() > 1 {
            for mut waiting in group.into_iter().rev() {
                waiting.commit.alone = Alone::Yes;
                waiting.commit.in_hand.lower();
                self.waiting.push_front(waiting);
            }
        } else if let Some(waiting) = group.pop() {
            waiting.settle(verdict);
        }
        self.write_next(context);
    }
}

impl Waiting {
    fn settle(self, settled: Settled) {
        self.commit.in_hand.lower();
        // A reader that died meanwhile finds the stored position at its next claim.
        self.answer.send(settled).ok();
    }
}

impl Handler<Commit> for StatusWriter {
    type Result = ActorResponse<Self, Result<Settled, Lost>>;

    fn handle(&mut self, commit: Commit, context: &mut Self::Context) -> Self::Result {
        let (answer, answered) = oneshot::channel();
        self.waiting.push_back(Waiting { commit, answer });
        self.write_next(context);
        let answered = async move { answered.await.map_err(|_| Lost) };
        ActorResponse::r#async(answered.into_actor(self))
    }
}
