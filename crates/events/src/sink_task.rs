//! The task of one sink: looks for due deliveries, sends them, settles what became of them.
//!
//! It owns everything that is on its way to the sink. A subject is *busy* from the look that found
//! its delivery until that delivery is settled, so that no two of one subject are ever on their
//! way together. When the database fails, the task keeps what has landed, takes nothing new and
//! settles later. When nobody is at the other end, it tries a few deliveries now and then, since
//! each try is also a write to the database.

use std::collections::{HashSet, VecDeque};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rollcall_model::{Clock, Timestamp};
use rollcall_store::{Delivery, DeliveryOutcome, Store};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use uuid::Uuid;

use crate::flight::{Landed, fly};
use crate::metrics::SinkMetrics;
use crate::status::StatusCell;
use crate::{Sink, SinkError, backoff};

/// Deliveries that one look takes: enough for many sends, little to hold in memory.
const PAGE: usize = 256;
/// A sink that comes back is found within this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a sink's tasks share, one after the other.
#[derive(Clone)]
pub(crate) struct SinkParts {
    pub(crate) name: String,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) poll_interval: Duration,
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) max_attempts: NonZeroU32,
    pub(crate) send_timeout: Duration,
    pub(crate) status: StatusCell,
    pub(crate) metrics: SinkMetrics,
    pub(crate) wake: Arc<Notify>,
}

/// An outcome that the database does not have yet.
struct Unsettled {
    subject: String,
    event_id: Uuid,
    outcome: DeliveryOutcome,
}

pub(crate) struct SinkTask {
    parts: SinkParts,
    random: StdRng,
    /// Found due, not yet on their way.
    waiting: VecDeque<Delivery>,
    busy: HashSet<String>,
    in_flight: JoinSet<Landed>,
    unsettled: Vec<Unsettled>,
    look_at: Instant,
    /// The database failed: leave it alone until then.
    rest_until: Instant,
    store_failures: u32,
    /// Tries in a row that found nobody at the other end.
    unreached: u32,
}

impl SinkTask {
    pub(crate) fn new(parts: SinkParts, random: StdRng) -> Self {
        let now = Instant::now();
        Self {
            parts,
            random,
            waiting: VecDeque::new(),
            busy: HashSet::new(),
            in_flight: JoinSet::new(),
            unsettled: Vec::new(),
            look_at: now,
            rest_until: now,
            store_failures: 0,
            unreached: 0,
        }
    }

    /// Works until `stop` turns true (or its sender is gone), then finishes what is in flight.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            self.settle().await;
            self.look().await;
            self.take_off();
            let next = self.next_turn();
            tokio::select! {
                Some(landed) = self.in_flight.join_next() => self.land(landed),
                () = self.parts.wake.notified() => self.look_soon(),
                () = tokio::time::sleep_until(next) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        self.drain().await;
    }

    /// When to look or to settle, if nothing lands before.
    fn next_turn(&self) -> Instant {
        let sated = self.waiting.len() >= self.parts.concurrency.get();
        if sated && self.unsettled.is_empty() {
            // A look is overdue, but there is no room for what it would find.
            return Instant::now() + self.parts.poll_interval;
        }
        self.look_at.max(self.rest_until)
    }

    async fn drain(mut self) {
        while let Some(landed) = self.in_flight.join_next().await {
            self.land(landed);
            self.settle().await;
        }
        while !self.unsettled.is_empty() {
            tokio::time::sleep_until(self.rest_until).await;
            self.settle().await;
        }
        self.release().await;
    }

    /// Nothing is on its way any more: another node may go on at once.
    async fn release(&self) {
        if let Err(error) = self.parts.store.release_sink(&self.parts.name).await {
            tracing::warn!(
                sink = %self.parts.name, error = %chain(&error),
                "the sink {} is not given up, other nodes wait until its time is over",
                self.parts.name,
            );
        }
    }

    /// Takes due deliveries of subjects that are not busy.
    async fn look(&mut self) {
        let now = Instant::now();
        let due = now >= self.look_at && now >= self.rest_until;
        if !due || !self.unsettled.is_empty() || self.waiting.len() >= self.parts.concurrency.get()
        {
            return;
        }
        let page = if self.rounds_unreached() > 0 {
            self.parts.concurrency.get()
        } else {
            PAGE
        };
        // The busy ones are still pending and come back with every look.
        let limit = self.busy.len() + page;
        match self
            .parts
            .store
            .due_deliveries(&self.parts.name, limit)
            .await
        {
            Ok(found) => self.found(found, limit),
            Err(error) => self.store_failed(&error),
        }
    }

    fn found(&mut self, found: Vec<Delivery>, limit: usize) {
        self.store_failures = 0;
        if found.len() < limit {
            self.look_at = Instant::now() + self.parts.poll_interval;
        } else {
            self.look_soon();
        }
        for delivery in found {
            if self.busy.insert(delivery.subject.clone()) {
                self.waiting.push_back(delivery);
            }
        }
    }

    /// At once, unless nobody is at the other end.
    fn look_soon(&mut self) {
        let pause = match self.rounds_unreached() {
            0 => Duration::ZERO,
            rounds => backoff::delay(rounds, &mut self.random).min(LONGEST_PAUSE),
        };
        self.look_at = Instant::now() + pause;
    }

    /// How often in a row as many sends as may be in flight found nobody.
    fn rounds_unreached(&self) -> u32 {
        let round = u32::try_from(self.parts.concurrency.get()).unwrap_or(u32::MAX);
        self.unreached / round
    }

    fn take_off(&mut self) {
        while self.unsettled.is_empty() && self.in_flight.len() < self.parts.concurrency.get() {
            let Some(delivery) = self.waiting.pop_front() else {
                break;
            };
            let sink = Arc::clone(&self.parts.sink);
            self.in_flight
                .spawn(fly(sink, delivery, self.parts.send_timeout));
        }
        self.show_in_flight();
    }

    /// Notes what became of a try and of all others that are over by now.
    fn land(&mut self, first: Result<Landed, JoinError>) {
        let mut next = Some(first);
        while let Some(landed) = next {
            match landed {
                Ok(landed) => self.note(landed),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // The runtime is going down, and this task with it.
                Err(_) => {}
            }
            next = self.in_flight.try_join_next();
        }
        self.show_in_flight();
    }

    fn note(&mut self, landed: Landed) {
        let Landed {
            delivery,
            result,
            took,
        } = landed;
        self.parts.metrics.send_seconds.observe(took.as_secs_f64());
        self.unreached = match result {
            Err(SinkError::Unreachable { .. }) => self.unreached.saturating_add(1),
            _ => 0,
        };
        let outcome = match result {
            Ok(()) => self.sent(),
            Err(error) => self.failed(&delivery, &error),
        };
        self.unsettled.push(Unsettled {
            subject: delivery.subject,
            event_id: delivery.event_id,
            outcome,
        });
    }

    fn sent(&self) -> DeliveryOutcome {
        self.parts.metrics.sent.inc();
        let now = self.parts.clock.now();
        let fault = self.parts.status.change(|status| {
            status.sent += 1;
            status.last_sent_at = Some(now);
            status.fault.take()
        });
        if fault.is_some() {
            tracing::info!(sink = %self.parts.name, "sink {} takes events again", self.parts.name);
        }
        DeliveryOutcome::Sent
    }

    fn failed(&mut self, delivery: &Delivery, error: &SinkError) -> DeliveryOutcome {
        let reason = error.to_string();
        let fault = self.parts.status.change(|status| {
            status.failed += 1;
            status.fault.replace(reason.clone())
        });
        let tries = delivery.attempts.saturating_add(1);
        if matches!(error, SinkError::Unreachable { .. }) {
            self.parts.metrics.unreached.inc();
            self.tell(delivery, &reason, fault.is_none());
            let wait = backoff::delay(self.unreached, &mut self.random).min(LONGEST_PAUSE);
            let not_before = self.parts.clock.now().plus(wait);
            let error = reason;
            return DeliveryOutcome::Unreached { error, not_before };
        }
        self.parts.metrics.failed.inc();
        if tries >= self.parts.max_attempts.get() {
            return self.park(delivery, reason);
        }
        let refused = tries == 1 && matches!(error, SinkError::Permanent { .. });
        self.tell(delivery, &reason, fault.is_none() || refused);
        let not_before = self.not_before(tries, error.retry_after());
        let error = reason;
        DeliveryOutcome::Failed { error, not_before }
    }

    fn not_before(&mut self, failures: u32, asked: Option<Duration>) -> Timestamp {
        let wait = backoff::delay_asked(failures, asked, &mut self.random);
        self.parts.clock.now().plus(wait)
    }

    fn park(&self, delivery: &Delivery, error: String) -> DeliveryOutcome {
        self.parts.metrics.parked.inc();
        self.parts.status.change(|status| status.parked += 1);
        let name = &self.parts.name;
        let (event_id, subject) = (delivery.event_id, &delivery.subject);
        let tries = self.parts.max_attempts;
        tracing::error!(
            sink = %name, %event_id, %subject, tries, reason = %error,
            "event {event_id} is parked at sink {name} after {tries} tries, `rollcall events \
             resend` makes it due again: {error}"
        );
        DeliveryOutcome::Parked { error }
    }

    /// A dead sink fails for every subject again and again: only news is a warning.
    fn tell(&self, delivery: &Delivery, reason: &str, is_news: bool) {
        let name = &self.parts.name;
        let (event_id, subject) = (delivery.event_id, &delivery.subject);
        let tries = delivery.attempts.saturating_add(1);
        if is_news {
            tracing::warn!(
                sink = %name, %event_id, %subject, tries, reason,
                "sink {name} did not take event {event_id}, it will be tried again: {reason}"
            );
        } else {
            tracing::debug!(sink = %name, %event_id, %subject, tries, reason, "not taken again");
        }
    }

    /// Tells the database what has landed, in one transaction.
    async fn settle(&mut self) {
        if self.unsettled.is_empty() || Instant::now() < self.rest_until {
            return;
        }
        fail::fail_point!("relay.mark");
        let outcomes = self
            .unsettled
            .iter()
            .map(|it| (it.event_id, it.outcome.clone()))
            .collect();
        match self
            .parts
            .store
            .settle_deliveries(&self.parts.name, outcomes)
            .await
        {
            Ok(()) => self.settled(),
            Err(error) => self.store_failed(&error),
        }
    }

    fn settled(&mut self) {
        self.store_failures = 0;
        for settled in self.unsettled.drain(..) {
            self.busy.remove(&settled.subject);
        }
        // The next deliveries of these subjects may be due.
        self.look_soon();
        self.show_in_flight();
    }

    fn store_failed(&mut self, error: &rollcall_store::Error) {
        self.store_failures = self.store_failures.saturating_add(1);
        let wait = backoff::delay(self.store_failures, &mut self.random);
        self.rest_until = Instant::now() + wait;
        tracing::warn!(
            sink = %self.parts.name, error = %chain(error), wait_milliseconds = wait.as_millis(),
            "the outbox of sink {} waits for the database", self.parts.name,
        );
    }

    fn show_in_flight(&self) {
        let count = self.in_flight.len() + self.unsettled.len();
        self.parts.status.change(|status| status.in_flight = count);
        self.parts
            .metrics
            .in_flight
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
