//! Rollcall itself: real processes of `rollcall run`, a webhook sink, `kill -9`.
//!
//! The nodes stand idle when the stream arrives. In the run that is tallied each of them is killed
//! once, when the database has so and so much of the stream, and started again at once. The rate is
//! taken from an undisturbed run: what a restart takes would be the rate otherwise.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rollcall_hub::{DEVELOPMENT_CONNECTION_STRING, Hub};
use rollcall_model::SystemClock;

use crate::den::{Den, Process};
use crate::fate::{BATCH_UNDER_KILLS, Disturbance};
use crate::newcomers::Plan;
use crate::place::Place;
use crate::progress::Handled;
use crate::session::Session;
use crate::tally::Course;
use crate::topic::CREATED;

const LOOK_EVERY: Duration = Duration::from_millis(2);
/// A machine may be busy; what takes longer than this is broken.
const PATIENCE: Duration = Duration::from_secs(90);

const LEASED: &str = "SELECT count(DISTINCT node), count(*) FROM partitions WHERE node IS NOT NULL";
const STORED: &str = "SELECT CAST(COALESCE(sum(stored), 0) AS BIGINT) FROM partitions";
const UNSENT: &str = "SELECT count(*) FROM outbox_events e
    WHERE e.type = 'rollcall.owner.created' AND NOT EXISTS (
        SELECT 1 FROM outbox_deliveries d WHERE d.event_id = e.event_id AND d.state = 'sent')";

/// A run of Rollcall.
pub(crate) struct Trial<'r> {
    pub(crate) den: &'r Den,
    pub(crate) program: PathBuf,
    pub(crate) plan: Plan,
    pub(crate) nodes: u32,
    pub(crate) place: Place,
    /// Where its webhook sends.
    pub(crate) topic_url: String,
    pub(crate) disturbance: Disturbance,
}

impl Trial<'_> {
    pub(crate) async fn run(&self, handled: &Handled) -> Result<Course> {
        let hub = start_hub(self.den, self.name(), self.plan.partitions).await?;
        let mut nodes = VecDeque::new();
        for number in 0..self.nodes {
            nodes.push_back(self.start(number, hub.address().port())?);
        }
        let watching = self.watch(&mut nodes, hub.address().port(), handled).await;
        for (_, node) in nodes {
            node.kill().await?;
        }
        hub.stop().await;
        watching
    }

    async fn watch(
        &self,
        nodes: &mut VecDeque<(u32, Process)>,
        hub_port: u16,
        handled: &Handled,
    ) -> Result<Course> {
        let deadline = Instant::now() + PATIENCE;
        let mut session = self.leased(nodes, deadline).await?;
        let mut kills = self.kills();
        let due = kills.len();
        let began = Instant::now();
        self.plan.send(&source_of(hub_port)).await?;
        loop {
            let stored = u64::try_from(session.number(STORED, &[]).await?.unwrap_or_default())?;
            handled.add(stored.saturating_sub(handled.count()));
            if kills.front().is_some_and(|at| stored >= *at) {
                kills.pop_front();
                let (number, node) = nodes.pop_front().context("no node is left to kill")?;
                node.kill().await?;
                nodes.push_back(self.start(number, hub_port)?);
            }
            if stored >= self.plan.statuses() {
                break;
            }
            self.goes_on(nodes, deadline)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let course = Course {
            seconds: began.elapsed().as_secs_f64(),
            kills: u32::try_from(due - kills.len())?,
        };
        while session.number(UNSENT, &[]).await?.unwrap_or_default() > 0 {
            self.goes_on(nodes, deadline)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        session.close().await?;
        Ok(course)
    }

    /// Waits until the nodes read all partitions, each of them some.
    async fn leased(
        &self,
        nodes: &mut VecDeque<(u32, Process)>,
        deadline: Instant,
    ) -> Result<Session> {
        let all = (i64::from(self.nodes), i64::from(self.plan.partitions));
        loop {
            // Until the first node has made the tables, there is nothing to be read.
            if let Ok(mut session) = Session::watch(&self.place.database_url).await
                && session
                    .numbers(LEASED)
                    .await
                    .is_ok_and(|leased| leased == [all])
            {
                return Ok(session);
            }
            self.goes_on(nodes, deadline)?;
            tokio::time::sleep(LOOK_EVERY * 10).await;
        }
    }

    fn goes_on(&self, nodes: &mut VecDeque<(u32, Process)>, deadline: Instant) -> Result<()> {
        for (number, node) in nodes {
            if let Some(words) = node.ended()? {
                bail!("node {number} of Rollcall ended: {words}");
            }
        }
        if Instant::now() > deadline {
            bail!("Rollcall was not done within {} s", PATIENCE.as_secs());
        }
        Ok(())
    }

    /// How much of the stream is stored when a node is killed, one entry per node.
    fn kills(&self) -> VecDeque<u64> {
        if self.disturbance == Disturbance::None {
            return VecDeque::new();
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.plan.seed);
        let statuses = self.plan.statuses();
        let draw = |_| random.random_range(statuses / 20..=statuses * 17 / 20);
        let mut kills: Vec<u64> = (0..self.nodes).map(draw).collect();
        kills.sort_unstable();
        kills.into()
    }

    fn name(&self) -> &'static str {
        match self.disturbance {
            Disturbance::None => "calm",
            Disturbance::Kills => "killed",
        }
    }

    fn start(&self, number: u32, hub_port: u16) -> Result<(u32, Process)> {
        let name = format!("{}-{number}", self.name());
        let file = self.den.dir().join(format!("{name}.toml"));
        std::fs::write(&file, self.settings(&name, hub_port))?;
        let arguments = ["run".as_ref(), "--config".as_ref(), file.as_path()];
        Ok((number, self.den.spawn(&name, &self.program, &arguments)?))
    }

    fn settings(&self, name: &str, hub_port: u16) -> String {
        let data_dir = self.den.dir().join(name);
        let batch = match self.disturbance {
            Disturbance::None => String::new(),
            Disturbance::Kills => format!("pipeline.batch_max_events = {BATCH_UNDER_KILLS}\n"),
        };
        format!(
            "node.name = \"{name}\"\n\
             node.data_dir = {data_dir:?}\n\
             source.kind = \"event_hubs\"\n\
             source.event_hubs.connection_string = \"{DEVELOPMENT_CONNECTION_STRING}\"\n\
             source.event_hubs.custom_endpoint = \"amqp://127.0.0.1:{hub_port}\"\n\
             store.url = {:?}\n\
             http.listen = \"127.0.0.1:0\"\n\
             leases.ttl = \"2s\"\n\
             leases.renew_interval = \"500ms\"\n\
             {batch}\
             [[events.sinks]]\n\
             kind = \"webhook\"\n\
             name = \"topic\"\n\
             url = \"{}\"\n\
             allow_private = true\n\
             types = [\"{CREATED}\"]\n",
            self.place.database_url, self.topic_url
        )
    }
}

/// A hub of the race's own.
pub(crate) async fn start_hub(den: &Den, name: &str, partitions: u32) -> Result<Hub> {
    let config = rollcall_hub::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        partitions,
        ..rollcall_hub::Config::new(den.dir().join(format!("hub-{name}")))
    };
    let hub = Hub::start(config, Arc::new(SystemClock)).await;
    hub.context("cannot start a hub")
}

/// How its events are read and sent.
pub(crate) fn source_of(hub_port: u16) -> rollcall_source::Config {
    rollcall_source::Config {
        custom_endpoint: Some(format!("amqp://127.0.0.1:{hub_port}")),
        ..rollcall_source::Config::default()
    }
}
