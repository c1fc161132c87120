//! Whatever a receiver does and whenever the task dies: each subject's events come one after the
//! other, and each of them until it is taken or parked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rollcall_model::{Clock, OwnerState, Timestamp};
use rollcall_store::{Delivery, DeliveryState, EventFilter, SinkRegistration};
use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::world::{World, eventually};
use crate::metrics::Metrics;
use crate::sink_task::{SinkParts, SinkTask};
use crate::status::StatusCell;
use crate::{Sink, SinkError};

const SINK: &str = "scripted";
const SUBJECTS: [&str; 3] = ["a", "b", "c"];
/// Changes of each owner, beside its creation.
const CHANGES: u64 = 4;
const MAX_ATTEMPTS: u32 = 3;
/// So much faster than the machine's goes the clock, for waits of seconds.
const HASTE: u32 = 500;

/// What the receiver does with one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Takes,
    /// It has the event, and nobody is told.
    TakesSilently,
    Refuses,
    IsAway,
    Hangs,
    Panics,
}

/// One try, as the receiver saw it.
#[derive(Debug, Clone)]
struct Try {
    subject: String,
    version: u64,
    answer: Answer,
}

#[derive(Default)]
struct Log {
    script: VecDeque<Answer>,
    tries: Vec<Try>,
    under_way: BTreeSet<String>,
    /// Subjects of which two were under way at once.
    overlaps: Vec<String>,
}

#[derive(Default)]
struct Scripted(Mutex<Log>);

/// A try that is under way; a task that dies drops it.
struct UnderWay<'a>(&'a Scripted, String);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().under_way.remove(&self.1);
    }
}

#[async_trait]
impl Sink for Scripted {
    async fn send(&self, event: &Delivery) -> Result<(), SinkError> {
        let payload: Value = serde_json::from_str(&event.payload).unwrap();
        let (answer, _under_way) = {
            let mut log = self.0.lock().unwrap();
            let answer = log.script.pop_front().unwrap_or(Answer::Takes);
            let subject = event.subject.clone();
            let version = payload["data"]["version"].as_u64().unwrap();
            if !log.under_way.insert(subject.clone()) {
                log.overlaps.push(subject.clone());
            }
            let under_way = UnderWay(self, subject.clone());
            log.tries.push(Try {
                subject,
                version,
                answer,
            });
            (answer, under_way)
        };
        tokio::task::yield_now().await;
        match answer {
            Answer::Takes => Ok(()),
            Answer::TakesSilently => Err(SinkError::retryable("the answer was lost")),
            Answer::Refuses => Err(SinkError::Permanent {
                reason: "refused".to_owned(),
            }),
            Answer::IsAway => Err(SinkError::unreachable("nobody is there")),
            Answer::Hangs => std::future::pending().await,
            Answer::Panics => panic!("the sink panics as it was told to"),
        }
    }
}

/// What waits for seconds waits for milliseconds.
struct Hurried(Instant);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.plus(self.0.elapsed() * HASTE)
    }
}

fn parts(world: &World, clock: Arc<dyn Clock>, sink: Arc<dyn Sink>) -> SinkParts {
    SinkParts {
        name: SINK.to_owned(),
        sink,
        store: world.store.clone(),
        clock,
        poll_interval: Duration::from_millis(2),
        concurrency: NonZeroUsize::new(4).unwrap(),
        max_attempts: NonZeroU32::new(MAX_ATTEMPTS).unwrap(),
        send_timeout: Duration::from_millis(20),
        status: StatusCell::new(SINK, "test"),
        metrics: Metrics::new().of_sink(SINK),
        wake: Arc::new(Notify::new()),
    }
}

/// Runs the task to its end, killing it after so many further tries each time.
async fn deliver(parts: &SinkParts, receiver: &Scripted, deaths: &[usize]) {
    let tried = || receiver.0.lock().unwrap().tries.len();
    let is_done = async || parts.store.summary().await.unwrap().outbox_pending == 0;
    let (_stop, stopped) = watch::channel(false);
    for (incarnation, more) in deaths.iter().enumerate() {
        let random = StdRng::seed_from_u64(incarnation as u64);
        let task = tokio::spawn(SinkTask::new(parts.clone(), random).run(stopped.clone()));
        let until = tried() + more;
        eventually("so many tries, or all delivered", async || {
            tried() >= until || is_done().await
        })
        .await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        // What was on its way ends within the supervisor's pause.
        eventually("nothing is on its way", async || {
            receiver.0.lock().unwrap().under_way.is_empty()
        })
        .await;
    }
    let task = SinkTask::new(parts.clone(), StdRng::seed_from_u64(99));
    let task = tokio::spawn(task.run(stopped));
    eventually("all are delivered or parked", is_done).await;
    task.abort();
}

/// The events of each subject that were given up.
async fn parked(world: &World) -> BTreeSet<(String, u64)> {
    let filter = EventFilter {
        state: Some(DeliveryState::Parked),
        ..EventFilter::default()
    };
    let page = world.store.list_events(&filter, 100, None).await.unwrap();
    let of = |payload: &str| {
        let payload: Value = serde_json::from_str(payload).unwrap();
        payload["data"]["version"].as_u64().unwrap()
    };
    let key = |event: rollcall_store::OutboxRow| (event.subject.clone(), of(event.payload.get()));
    page.items.into_iter().map(key).collect()
}

async fn check(script: Vec<Answer>, deaths: Vec<usize>) -> Result<(), TestCaseError> {
    let clock: Arc<dyn Clock> = Arc::new(Hurried(Instant::now()));
    let world = World::with_clock(Arc::clone(&clock)).await;
    let registration = SinkRegistration {
        name: SINK.to_owned(),
        types: Vec::new(),
    };
    world.store.register_sinks(&[registration]).await.unwrap();
    world.enter(&SUBJECTS).await;
    for change in 0..CHANGES {
        for subject in SUBJECTS {
            let states = [OwnerState::Blocked, OwnerState::Active];
            world
                .put(subject, states[usize::from(change % 2 == 1)])
                .await;
        }
    }
    let receiver = Arc::new(Scripted::default());
    receiver.0.lock().unwrap().script = script.into();
    let parts = parts(&world, clock, Arc::clone(&receiver) as Arc<dyn Sink>);
    deliver(&parts, &receiver, &deaths).await;

    let given_up = parked(&world).await;
    let log = receiver.0.lock().unwrap();
    prop_assert!(log.overlaps.is_empty(), "two at once: {:?}", log.overlaps);
    let mut of_subject: BTreeMap<&str, Vec<&Try>> = BTreeMap::new();
    for one in &log.tries {
        of_subject.entry(&one.subject).or_default().push(one);
    }
    prop_assert_eq!(of_subject.len(), SUBJECTS.len());
    for (subject, tries) in of_subject {
        let mut versions: Vec<u64> = tries.iter().map(|one| one.version).collect();
        versions.dedup();
        let in_order: Vec<u64> = (1..=CHANGES + 1).collect();
        prop_assert_eq!(versions, in_order, "{}", subject);
        for version in 1..=CHANGES + 1 {
            let of_event = tries.iter().filter(|one| one.version == version);
            let (taken, others): (Vec<&Try>, Vec<&Try>) =
                of_event.partition(|one| one.answer == Answer::Takes);
            let counted = others
                .iter()
                .filter(|one| one.answer != Answer::IsAway)
                .count();
            if given_up.contains(&(subject.to_owned(), version)) {
                prop_assert!(
                    counted >= MAX_ATTEMPTS as usize,
                    "{subject} {version}: {others:?}"
                );
            } else {
                // Only a death between the answer and the database's makes a repeat.
                prop_assert!((1..=1 + deaths.len()).contains(&taken.len()), "{taken:?}");
            }
        }
    }
    Ok(())
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(Answer::Takes),
        1 => Just(Answer::TakesSilently),
        2 => Just(Answer::Refuses),
        1 => Just(Answer::IsAway),
        1 => Just(Answer::Hangs),
        1 => Just(Answer::Panics),
    ]
}

proptest! {
    // Each of them is a database, and some hundred transactions.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn events_of_a_subject_come_in_order_whatever_fails(
        script in prop::collection::vec(answer(), 0..60),
        deaths in prop::collection::vec(0_usize..8, 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(check(script, deaths))?;
    }
}
