//! A race: the same stream, once with each way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rollcall_hub::Hub;
use tokio::sync::watch;

use crate::consumer::Assignment;
use crate::den::Den;
use crate::fate::{BATCH_UNDER_KILLS, Disturbance, Fate};
use crate::kind::Kind;
use crate::newcomers::Plan;
use crate::place::Place;
use crate::progress::{Handled, Progress};
use crate::relay::relay;
use crate::report::{LeftOut, Report};
use crate::rollcall::{Trial, source_of, start_hub};
use crate::servers::{DatabaseChoice, RedisChoice, Servers};
use crate::session::Session;
use crate::tally::{self, Course, Outcome};
use crate::topic::{Publisher, Topic};

/// Of an undisturbed run, as Rollcall's own by default.
const BATCH: usize = 2_000;
/// Nodes of Rollcall at the most: each is a process, with threads for every core.
const MOST_NODES: u32 = 3;

#[derive(Debug, Clone)]
pub struct Config {
    pub plan: Plan,
    pub consumers: u32,
    /// In the order of the table.
    pub ways: Vec<Kind>,
    pub database: DatabaseChoice,
    pub redis: RedisChoice,
    /// The program `rollcall`; without it that way is left out, for the given reason.
    pub rollcall: Result<PathBuf, String>,
}

/// All that the ways run on.
pub struct Race {
    config: Config,
    servers: Servers,
    topic: Topic,
    hub: Hub,
    /// How many events each partition of the hub has.
    events: Vec<u64>,
    den: Den,
}

impl Race {
    /// Starts servers and hub, and sends the stream.
    ///
    /// # Errors
    /// If a server that was named cannot be reached, or the machine refuses something.
    pub async fn open(config: Config, progress: &dyn Progress) -> Result<Self> {
        let den = Den::open()?;
        progress.says("starting private servers");
        let servers = Servers::start(&config.database, &config.redis, den.dir()).await?;
        progress.says("sending the stream");
        let hub = start_hub(&den, "ways", config.plan.partitions).await?;
        let events = config.plan.send(&source_of(hub.address().port())).await?;
        Ok(Self {
            config,
            servers,
            topic: Topic::start()?,
            hub,
            events,
            den,
        })
    }

    /// Runs every way that can be run here.
    ///
    /// # Errors
    /// If a server fails.
    pub async fn run(&self, progress: &dyn Progress) -> Result<Report> {
        let mut report = self.empty_report();
        for kind in self.config.ways.iter().copied() {
            match self.why_not(kind) {
                Some(reason) => report.left_out.push(LeftOut {
                    way: kind.name(),
                    kind,
                    reason,
                }),
                None => report.ways.push(self.run_way(kind, progress).await?),
            }
        }
        Ok(report)
    }

    /// Removes what was left on servers of others, also after a run that was cut off.
    ///
    /// # Errors
    /// If they cannot be reached.
    pub async fn close(self) -> Result<()> {
        self.topic.stop().await;
        self.hub.stop().await;
        self.servers.clear().await
    }

    fn empty_report(&self) -> Report {
        let plan = self.config.plan;
        Report {
            seed: plan.seed,
            owners: plan.owners,
            statuses: plan.statuses(),
            partitions: plan.partitions,
            consumers: self.config.consumers,
            nodes: self.nodes(),
            database: self.servers.database_name(),
            ways: Vec::new(),
            left_out: Vec::new(),
        }
    }

    fn why_not(&self, kind: Kind) -> Option<String> {
        if kind.needs_redis() && self.servers.no_redis.is_some() {
            return self.servers.no_redis.clone();
        }
        if kind.needs_postgres() && self.servers.no_postgres.is_some() {
            return self.servers.no_postgres.clone();
        }
        match (kind, &self.config.rollcall) {
            (Kind::Rollcall, Err(reason)) => Some(reason.clone()),
            _ => None,
        }
    }

    /// On SQLite one process has the database.
    fn nodes(&self) -> u32 {
        match self.servers.is_shared_by_nodes() {
            true => self.config.consumers.min(MOST_NODES),
            false => 1,
        }
    }

    async fn run_way(&self, kind: Kind, progress: &dyn Progress) -> Result<Outcome> {
        let publisher = Publisher::to(self.topic.url(kind.name()))?;
        let place = self.servers.place(kind.name(), publisher).await?;
        place.prepare(kind).await?;
        let handled = Handled::default();
        progress.begins(kind.title(), self.config.plan.statuses(), &handled);
        let course = match kind {
            Kind::Rollcall => self.run_rollcall(&place, &handled).await?,
            Kind::TwoHundredLines(_) => self.run_twice(kind, &place, &handled).await?,
            _ => {
                let disturbance = Disturbance::Kills;
                self.run_consumers(kind, &place, &handled, disturbance)
                    .await?
            }
        };
        let mut session = Session::watch(&place.database_url).await?;
        let receipt = self.topic.receipt(kind.name());
        let outcome = tally::count(kind, &self.config.plan, course, &mut session, &receipt).await;
        session.close().await?;
        outcome
    }

    /// The rate is that of an undisturbed run in large batches, the rest that of one under kills.
    async fn run_twice(&self, kind: Kind, place: &Place, handled: &Handled) -> Result<Course> {
        let name = format!("{}_calm", kind.name());
        let calm_place = self.servers.place(&name, Publisher::Nowhere).await?;
        calm_place.prepare(kind).await?;
        let calm = Handled::default();
        let calm = self.run_consumers(kind, &calm_place, &calm, Disturbance::None);
        let calm = calm.await?;
        let killed = self.run_consumers(kind, place, handled, Disturbance::Kills);
        Ok(Course {
            seconds: calm.seconds,
            kills: killed.await?.kills,
        })
    }

    async fn run_consumers(
        &self,
        kind: Kind,
        place: &Place,
        handled: &Handled,
        disturbance: Disturbance,
    ) -> Result<Course> {
        let mut random = ChaCha8Rng::seed_from_u64(self.config.plan.seed);
        // Early enough that everybody is still at it.
        let newcomers = self.config.plan.owners / 4;
        let mut draw = || match disturbance {
            Disturbance::None => Fate::immortal(),
            Disturbance::Kills => Fate::drawn(&mut random, newcomers),
        };
        let began = Instant::now();
        let mut consuming = Vec::new();
        for number in 0..self.config.consumers {
            let assignment = self.assignment(kind, place, handled, number, disturbance);
            let mut fate = draw();
            consuming.push(tokio::spawn(async move {
                assignment.live_and_die(&mut fate).await?;
                anyhow::Ok(fate.kills())
            }));
        }
        let (over, is_over) = watch::channel(false);
        let relaying = kind.has_outbox().then(|| {
            let (place, fate) = (place.clone(), draw());
            tokio::spawn(async move { relay(&place, is_over, fate).await })
        });
        let kills = try_join_all(consuming).await?;
        let seconds = began.elapsed().as_secs_f64();
        over.send_replace(true);
        let mut kills = kills.into_iter().sum::<Result<u32>>()?;
        if let Some(relaying) = relaying {
            kills += relaying.await??.kills();
        }
        Ok(Course { seconds, kills })
    }

    fn assignment(
        &self,
        kind: Kind,
        place: &Place,
        handled: &Handled,
        number: u32,
        disturbance: Disturbance,
    ) -> Assignment {
        Assignment {
            kind,
            place: place.clone(),
            source: source_of(self.hub.address().port()),
            partitions: deal(&self.events, self.config.consumers, number),
            batch: match disturbance {
                Disturbance::None => BATCH,
                Disturbance::Kills => BATCH_UNDER_KILLS,
            },
            handled: handled.clone(),
        }
    }

    /// Twice: the rate is that of an undisturbed run, the rest that of one under kills.
    async fn run_rollcall(&self, place: &Place, handled: &Handled) -> Result<Course> {
        let program = self.config.rollcall.clone();
        let program = program.map_err(anyhow::Error::msg)?;
        let trial = |place: Place, topic_url: String, disturbance| Trial {
            den: &self.den,
            program: program.clone(),
            plan: self.config.plan,
            nodes: self.nodes(),
            place,
            topic_url,
            disturbance,
        };
        let calm_place = self.servers.place("calm", Publisher::Nowhere).await?;
        let calm = trial(calm_place, self.topic.url("calm"), Disturbance::None);
        let undisturbed = Handled::default();
        let calm = calm
            .run(&undisturbed)
            .await
            .context("Rollcall, undisturbed")?;
        let topic_url = self.topic.url(Kind::Rollcall.name());
        let killed = trial(place.clone(), topic_url, Disturbance::Kills);
        let killed = killed.run(handled).await.context("Rollcall, killed")?;
        Ok(Course {
            seconds: calm.seconds,
            kills: killed.kills,
        })
    }
}

/// The partitions of one consumer, in turn.
#[must_use]
pub fn deal(events: &[u64], consumers: u32, number: u32) -> BTreeMap<u32, u64> {
    let dealt = (0..)
        .zip(events)
        .map(|(partition, events)| (partition, *events));
    dealt
        .filter(|(partition, _)| partition % consumers.max(1) == number)
        .collect()
}
