//! Supervision: one factory per actor; a death is seen, backed off and replaced.
//!
//! actix restarts an actor only after `ctx.stop()`, and with the same state. After a panic it
//! restarts nothing: the mailbox closes and what is in it is lost. So every actor here carries a
//! [`Lifeline`] whose end is seen when the actor is dropped, for whatever reason; its supervisor
//! then makes a new one from scratch and publishes its address in the [`Slot`]. Callers whose
//! message was lost get an error, wait for the new address and send again.
//!
//! An actor that dies too often makes the whole node give up, so that whoever runs it (systemd,
//! Kubernetes) starts it afresh.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, Addr, Context};
use actix_rt::ArbiterHandle;
use arc_swap::ArcSwapOption;
use rand::Rng;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

/// Pauses double from the first to the last, each with jitter …
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// … which is short, since a partition or a shard stands still meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// An actor that lived so long begins with the shortest pause again.
const HEALTHY_LIFE: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// How an actor that ends on purpose wants to be treated. Being dropped without a word is a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Its work is done.
    Done,
    /// It wants to begin afresh.
    Again,
}

/// Held by an actor as long as it lives.
pub(crate) struct Lifeline(Option<oneshot::Sender<Departure>>);

impl Lifeline {
    pub(crate) fn depart(&mut self, departure: Departure) {
        if let Some(end) = self.0.take() {
            // The supervisor itself may have ended.
            end.send(departure).ok();
        }
    }
}

/// Where the present incarnation of an actor is to be found.
pub(crate) struct Slot<A: Actor> {
    address: ArcSwapOption<Addr<A>>,
    changed: Notify,
    restarts: AtomicU64,
    /// Deaths that a message was to blame for, not yet taken off the budget.
    forgiven: AtomicUsize,
}

impl<A: Actor> Slot<A> {
    pub(crate) fn new() -> Arc<Self> {
        let address = ArcSwapOption::empty();
        Arc::new(Self {
            address,
            changed: Notify::new(),
            restarts: AtomicU64::new(0),
            forgiven: AtomicUsize::new(0),
        })
    }

    /// The address of the living actor; waits while it is being replaced.
    pub(crate) async fn address(&self) -> Addr<A> {
        loop {
            let changed = self.changed.notified();
            if let Some(address) = self.address.load_full() {
                return (*address).clone();
            }
            changed.await;
        }
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Takes the last death off the restarts that count: a message is being bisected, which ends
    /// by itself.
    pub(crate) fn forgive_death(&self) {
        self.forgiven.fetch_add(1, Ordering::Relaxed);
    }

    fn publish(&self, address: Option<Addr<A>>) {
        self.address.store(address.map(Arc::new));
        self.changed.notify_waiters();
    }
}

/// What every supervised actor of a node shares.
#[derive(Clone)]
pub(crate) struct Supervision {
    pub(crate) max_restarts_per_minute: u32,
    pub(crate) gave_up: Arc<watch::Sender<Option<String>>>,
    pub(crate) deaths: prometheus_client::metrics::counter::Counter,
}

/// One actor to keep alive.
pub(crate) struct Child<A: Actor, F> {
    /// For people: `owner actor 3`.
    pub(crate) name: String,
    pub(crate) slot: Arc<Slot<A>>,
    pub(crate) arbiter: ArbiterHandle,
    pub(crate) factory: F,
}

/// Keeps the child alive until it is done or died too often.
pub(crate) async fn supervise<A, F>(supervision: Supervision, child: Child<A, F>)
where
    A: Actor<Context = Context<A>>,
    F: Fn(Lifeline) -> A + Clone + Send + 'static,
{
    let mut budget = Budget::new(supervision.max_restarts_per_minute);
    loop {
        let born = Instant::now();
        let end = live(&child).await;
        let pause = match end {
            End::Departed(Departure::Done) => return,
            End::Departed(Departure::Again) => budget.next_pause(born.elapsed()),
            End::Died => {
                supervision.deaths.inc();
                child.slot.restarts.fetch_add(1, Ordering::Relaxed);
                budget.forgive(child.slot.forgiven.swap(0, Ordering::Relaxed));
                let pause = budget.note_death(born.elapsed());
                tracing::error!(actor = %child.name, restart = pause.is_some(), "an actor died");
                let Some(pause) = pause else {
                    return give_up(&supervision, &child.name);
                };
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

enum End {
    Departed(Departure),
    Died,
}

async fn live<A, F>(child: &Child<A, F>) -> End
where
    A: Actor<Context = Context<A>>,
    F: Fn(Lifeline) -> A + Clone + Send + 'static,
{
    let (end, ended) = oneshot::channel();
    let factory = child.factory.clone();
    let lifeline = Lifeline(Some(end));
    let address = A::start_in_arbiter(&child.arbiter, move |_| factory(lifeline));
    child.slot.publish(Some(address));
    let ended = ended.await;
    child.slot.publish(None);
    ended.map_or(End::Died, End::Departed)
}

fn give_up(supervision: &Supervision, name: &str) {
    let limit = supervision.max_restarts_per_minute;
    let sentence = format!("{name} died more than {limit} times within a minute");
    supervision.gave_up.send_replace(Some(sentence));
}

/// The restarts of one actor within the last minute.
struct Budget {
    limit: usize,
    deaths: VecDeque<Instant>,
    pause: Duration,
}

impl Budget {
    fn new(limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            limit,
            deaths: VecDeque::new(),
            pause: SHORTEST_PAUSE,
        }
    }

    /// The pause before the next try; `None` if there were too many.
    fn note_death(&mut self, lived: Duration) -> Option<Duration> {
        let now = Instant::now();
        self.deaths.push_back(now);
        while self
            .deaths
            .front()
            .is_some_and(|death| now - *death > MINUTE)
        {
            self.deaths.pop_front();
        }
        (self.deaths.len() <= self.limit).then(|| self.next_pause(lived))
    }

    fn forgive(&mut self, deaths: usize) {
        self.deaths.drain(..deaths.min(self.deaths.len()));
    }

    /// Grows while lives are short.
    fn next_pause(&mut self, lived: Duration) -> Duration {
        if lived >= HEALTHY_LIFE {
            self.pause = SHORTEST_PAUSE;
        }
        let pause = self.pause.mul_f64(rand::rng().random_range(0.5..1.5));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_deaths_of_the_last_minute_count() {
        let mut budget = Budget::new(2);
        for _ in 0..10 {
            assert!(budget.note_death(Duration::ZERO).is_some());
            tokio::time::advance(Duration::from_secs(31)).await;
        }
        assert!(budget.note_death(Duration::ZERO).is_some());
        assert!(budget.note_death(Duration::ZERO).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_begin_anew_after_a_healthy_life() {
        let mut budget = Budget::new(100);
        let first = budget.note_death(Duration::ZERO).unwrap();
        assert!(first < SHORTEST_PAUSE * 2);
        let later = (0..10)
            .filter_map(|_| budget.note_death(Duration::ZERO))
            .last()
            .unwrap();
        assert!(later >= LONGEST_PAUSE / 2);
        assert!(budget.note_death(HEALTHY_LIFE).unwrap() < SHORTEST_PAUSE * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn deaths_that_a_message_is_to_blame_for_do_not_count() {
        let mut budget = Budget::new(2);
        for _ in 0..50 {
            assert!(budget.note_death(Duration::ZERO).is_some());
            budget.forgive(1);
        }
    }
}
