//! One way, with so many connections, on one load.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rollcall_model::SystemClock;
use rollcall_pipeline::Handle;
use rollcall_race::{Assignment, Handled, Kind, Place, Publisher, deal};
use rollcall_store::{SinkRegistration, Store};
use rollcall_test_servers::Database;

use super::proxy::Proxy;
use super::{Ground, PARTITIONS};
use crate::cases::whole_path::config;
use crate::cpu;
use crate::database;
use crate::hub_process::HubProcess;

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// As many as Rollcall's.
const BATCH: usize = 2_000;
/// The part of the events that is done when the clock starts.
const WARM_UP: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Of owners that are known.
    Steady,
    /// A newcomer with every event.
    Storm,
}

impl Load {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Storm => "storm",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// Events a second.
    pub(crate) rate: f64,
    /// Microseconds of CPU per event.
    pub(crate) node_cpu: f64,
    pub(crate) postgres_cpu: f64,
    pub(crate) redis_cpu: Option<f64>,
    /// To the database and to Redis, per event.
    pub(crate) round_trips: f64,
}

pub(crate) struct Contest {
    pub(crate) kind: Kind,
    pub(crate) connections: u32,
    pub(crate) load: Load,
    pub(crate) events: u64,
}

/// Where a contest takes place.
struct Arena {
    database_url: String,
    redis_url: Option<String>,
}

/// What has been used up so far.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    events: u64,
    node: f64,
    postgres: f64,
    redis: Option<f64>,
    turns: u64,
}

impl Contest {
    pub(crate) async fn run(&self, ground: &Ground<'_>) -> anyhow::Result<Figures> {
        let place = database::Place::new(ground.bench, database::Kind::Postgres)?;
        let arena = Arena {
            database_url: place.server()?.url(),
            redis_url: ground.redis.as_ref().map(|redis| redis.url()),
        };
        let (first, last) = self.between(ground, &arena, &[]).await?;
        self.check(place.server()?)?;
        figures(first, last)
    }

    /// Round trips per event, seen from between the program and its servers.
    pub(crate) async fn count_round_trips(&self, ground: &Ground<'_>) -> anyhow::Result<f64> {
        let place = database::Place::new(ground.bench, database::Kind::Postgres)?;
        let database = Proxy::start(ground.bench.postgres()?.port()).await?;
        let mut arena = Arena {
            database_url: database.in_front_of(&place.server()?.url()),
            redis_url: None,
        };
        let mut proxies = vec![database];
        if let Some(redis) = &ground.redis {
            let proxy = Proxy::start(redis.port()).await?;
            arena.redis_url = Some(proxy.in_front_of(&redis.url()));
            proxies.push(proxy);
        }
        let (first, last) = self.between(ground, &arena, &proxies).await?;
        Ok(ratio(last.turns - first.turns, last.events - first.events))
    }

    /// The samples after the warm-up and at the end.
    async fn between(
        &self,
        ground: &Ground<'_>,
        arena: &Arena,
        proxies: &[Proxy],
    ) -> anyhow::Result<(Sample, Sample)> {
        if let Some(redis) = &ground.redis {
            redis.command(&["FLUSHALL"])?;
        }
        let sample = |events| sample(ground, proxies, events);
        match self.kind {
            Kind::Rollcall => self.pipeline(ground, arena, sample).await,
            _ => self.consumers(ground, arena, sample).await,
        }
    }

    async fn consumers(
        &self,
        ground: &Ground<'_>,
        arena: &Arena,
        sample: impl Fn(u64) -> anyhow::Result<Sample>,
    ) -> anyhow::Result<(Sample, Sample)> {
        let redis = arena.redis_url.clone();
        let place = Place {
            database_url: arena.database_url.clone(),
            redis: redis.map(|url| (url, "bench:".to_owned())),
            publisher: Publisher::Nowhere,
        };
        place.prepare(self.kind).await?;
        let partitions = u64::from(PARTITIONS);
        let share =
            |partition| self.events / partitions + u64::from(partition < self.events % partitions);
        let shares: Vec<u64> = (0..partitions).map(share).collect();
        let handled = Handled::default();
        let mut consuming = tokio::task::JoinSet::new();
        for number in 0..self.connections {
            let assignment = Assignment {
                kind: self.kind,
                place: place.clone(),
                source: self.hub(ground).source(&ground.bench.arguments),
                partitions: deal(&shares, self.connections, number),
                batch: BATCH,
                handled: handled.clone(),
            };
            consuming.spawn_on(async move { assignment.run().await }, &ground.bench.io);
        }
        let working = async {
            while let Some(ended) = consuming.join_next().await {
                ended??;
            }
            // The last look finds that all is handled.
            std::future::pending::<anyhow::Result<()>>().await
        };
        let watching = self.watch(|| handled.count(), sample);
        tokio::select! {
            failed = working => Err(failed.err().context("the consumers ended early")?),
            samples = watching => samples,
        }
    }

    async fn pipeline(
        &self,
        ground: &Ground<'_>,
        arena: &Arena,
        sample: impl Fn(u64) -> anyhow::Result<Sample>,
    ) -> anyhow::Result<(Sample, Sample)> {
        let settings = rollcall_store::Config {
            writers: self.connections,
            ..rollcall_store::Config::new(arena.database_url.clone())
        };
        let store = ground.bench.io.spawn(Store::open(settings)).await??;
        let sink = SinkRegistration {
            name: "log".to_owned(),
            types: Vec::new(),
        };
        store.register_sinks(&[sink]).await?;
        let mut pipeline = config(ground.bench)?;
        pipeline.writers =
            NonZeroUsize::new(self.connections as usize).context("no connections")?;
        let pipeline = rollcall_pipeline::start(
            pipeline,
            self.hub(ground).source(&ground.bench.arguments),
            store,
            Arc::new(SystemClock),
            ground.bench.io.clone(),
        )?;
        let samples = self.watch(|| stored(&pipeline), sample).await;
        pipeline.drain().await;
        samples
    }

    fn watch(
        &self,
        done: impl Fn() -> u64,
        sample: impl Fn(u64) -> anyhow::Result<Sample>,
    ) -> impl Future<Output = anyhow::Result<(Sample, Sample)>> {
        let (warm, all) = (self.events / WARM_UP, self.events);
        async move {
            let first = sample(reached(&done, warm).await)?;
            let last = sample(reached(&done, all).await)?;
            Ok((first, last))
        }
    }

    fn hub<'g>(&self, ground: &'g Ground<'_>) -> &'g HubProcess {
        match self.load {
            Load::Steady => &ground.steady,
            Load::Storm => &ground.storm,
        }
    }

    /// Every event is stored. Rollcall is stopped in the midst of reading, and may have stored more.
    fn check(&self, database: &Database<'_>) -> anyhow::Result<()> {
        let found: u64 = database.psql("SELECT count(*) FROM statuses")?.parse()?;
        ensure!(
            found >= self.events,
            "{found} of {} statuses are stored",
            self.events
        );
        Ok(())
    }
}

fn sample(ground: &Ground<'_>, proxies: &[Proxy], events: u64) -> anyhow::Result<Sample> {
    let redis = ground.redis.as_ref().map(redis_cpu);
    Ok(Sample {
        at: Instant::now(),
        events,
        node: cpu::seconds(std::process::id())?,
        postgres: cpu::seconds_of_tree(ground.bench.postgres()?.pid()?)?,
        redis: redis.transpose()?,
        turns: proxies.iter().map(Proxy::turns).sum(),
    })
}

fn redis_cpu(redis: &rollcall_test_servers::Redis) -> anyhow::Result<f64> {
    let told = redis.command(&["INFO", "server"])?;
    let pid = told
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"));
    cpu::seconds(pid.context("Redis tells no process")?.trim().parse()?)
}

fn figures(first: Sample, last: Sample) -> anyhow::Result<Figures> {
    let events = last.events - first.events;
    ensure!(
        events > 0,
        "nothing is left after the warm-up: take more events"
    );
    let micros = |seconds: f64| seconds * 1e6 / ratio(events, 1);
    let redis = last.redis.zip(first.redis);
    Ok(Figures {
        rate: ratio(events, 1) / (last.at - first.at).as_secs_f64(),
        node_cpu: micros(last.node - first.node),
        postgres_cpu: micros(last.postgres - first.postgres),
        redis_cpu: redis.map(|(last, first)| micros(last - first)),
        round_trips: 0.0,
    })
}

/// How much is done as soon as it is at least so much.
async fn reached(done: &impl Fn() -> u64, events: u64) -> u64 {
    loop {
        let now = done();
        if now >= events {
            return now;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the checkpoints account for.
fn stored(pipeline: &Handle) -> u64 {
    let readers = pipeline.status().readers;
    let numbers = readers.iter().filter_map(|reader| reader.sequence_number);
    let stored: i64 = numbers.map(|at| at.0 + 1).sum();
    u64::try_from(stored).unwrap_or_default()
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(count: u64, per: u64) -> f64 {
    count as f64 / per as f64
}
