//! People: each asks for a page's data, twice a second by default, at both nodes in turn, and listens to a live
//! stream, three in ten to everybody's and the rest to an owner's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use comfy_table::Table;
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Arguments, millis};

/// Whoever waits longer for an answer has given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Times that answers took, in microseconds, by what was asked.
#[derive(Default)]
pub(super) struct Asked(BTreeMap<&'static str, Histogram<u64>>);

pub(super) struct Crowd {
    tasks: JoinSet<anyhow::Result<Asked>>,
    leave: watch::Sender<bool>,
}

impl Crowd {
    pub(super) async fn gather(apis: &[String], arguments: &Arguments) -> anyhow::Result<Self> {
        let (leave, left) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for number in 0..arguments.people {
            let person = Person::new(number, apis, arguments).await?;
            tasks.spawn(person.live(left.clone()));
        }
        Ok(Self { tasks, leave })
    }

    /// What all of them were answered.
    pub(super) async fn leave(mut self) -> anyhow::Result<Asked> {
        self.leave.send(true)?;
        let mut all = Asked::default();
        while let Some(ended) = self.tasks.join_next().await {
            all.add(ended??)?;
        }
        Ok(all)
    }
}

struct Person {
    number: usize,
    ask_every: Duration,
    listens: bool,
    http: reqwest::Client,
    apis: Vec<String>,
    owner: String,
    questions: Vec<(&'static str, String)>,
}

impl Person {
    async fn new(number: usize, apis: &[String], arguments: &Arguments) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let api = apis.first().context("no node has an API")?;
        let owner = format!("owner-{number:06}");
        let subs = json(&http, &format!("{api}/api/v1/owners/{owner}/sub-owners")).await?;
        let sub = text(&subs["items"][0]["sub_owner_id"])?;
        let list = "/api/v1/owners?limit=50";
        let first = json(&http, &format!("{api}{list}&state=active")).await?;
        let cursor = text(&first["next_cursor"])?;
        let questions = vec![
            ("the overview's summary", "/api/v1/summary".to_owned()),
            ("owners, first page", format!("{list}&sort=-created_at")),
            (
                "owners, a later page",
                format!("{list}&state=active&cursor={cursor}"),
            ),
            (
                "owners by a part of the name",
                format!("{list}&q=plant%20{number}7"),
            ),
            ("owners of a state", format!("{list}&state=blocked")),
            ("approvals", "/api/v1/approvals?limit=50".to_owned()),
            ("an owner", format!("/api/v1/owners/{owner}")),
            (
                "its sub-owners",
                format!("/api/v1/owners/{owner}/sub-owners?limit=25"),
            ),
            (
                "its newest 500 statuses",
                format!("/api/v1/owners/{owner}/sub-owners/{sub}/statuses?order=desc&limit=500"),
            ),
            ("partitions", "/api/v1/partitions".to_owned()),
        ];
        let apis = apis.to_vec();
        Ok(Self {
            number,
            ask_every: Duration::from_millis(arguments.ask_every_millis),
            listens: arguments
                .listeners
                .is_none_or(|listeners| number < listeners),
            http,
            apis,
            owner,
            questions,
        })
    }

    async fn live(self, mut left: watch::Receiver<bool>) -> anyhow::Result<Asked> {
        let listening = self.listen();
        let asking = self.ask(left.clone());
        let gone = left.wait_for(|left| *left);
        tokio::select! {
            asked = asking => asked,
            Err(error) = listening => Err(error),
            // The last question is answered first.
            Err(error) = gone => Err(error.into()),
        }
    }

    async fn ask(&self, mut left: watch::Receiver<bool>) -> anyhow::Result<Asked> {
        let mut asked = Asked::default();
        let mut ticks = interval(self.ask_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turn = self.number;
        loop {
            tokio::select! {
                left = left.wait_for(|left| *left) => break drop(left?),
                _ = ticks.tick() => {}
            }
            let (kind, path) = &self.questions[turn % self.questions.len()];
            // Each question goes to each node.
            let api = &self.apis[(turn + turn / self.questions.len()) % self.apis.len()];
            let began = Instant::now();
            timeout(PATIENCE, json(&self.http, &format!("{api}{path}")))
                .await
                .with_context(|| format!("no answer to {path}"))??;
            asked.note(kind, began.elapsed())?;
            turn += 1;
        }
        Ok(asked)
    }

    /// Reads what comes until the task is dropped.
    async fn listen(&self) -> anyhow::Result<()> {
        if !self.listens {
            return std::future::pending().await;
        }
        let api = &self.apis[self.number % self.apis.len()];
        let filter = match self.number % 10 {
            0..=2 => String::new(),
            _ => format!("?owner_id={}", self.owner),
        };
        let url = format!("{api}/api/v1/stream{filter}");
        let mut stream = self.http.get(url).send().await?.error_for_status()?;
        while stream.chunk().await?.is_some() {}
        anyhow::bail!("a live stream ended")
    }
}

async fn json(http: &reqwest::Client, url: &str) -> anyhow::Result<Value> {
    let answer = http.get(url).send().await?.error_for_status()?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

fn text(value: &Value) -> anyhow::Result<String> {
    let text = value.as_str().context("an answer without what was asked")?;
    ensure!(!text.is_empty(), "an empty answer");
    Ok(text.to_owned())
}

impl Asked {
    fn note(&mut self, kind: &'static str, took: Duration) -> anyhow::Result<()> {
        if !self.0.contains_key(kind) {
            self.0.insert(kind, Histogram::new(3)?);
        }
        if let Some(histogram) = self.0.get_mut(kind) {
            histogram.record(u64::try_from(took.as_micros())?)?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, other: Self) -> anyhow::Result<()> {
        for (kind, times) in other.0 {
            match self.0.get_mut(kind) {
                Some(histogram) => histogram.add(times)?,
                None => drop(self.0.insert(kind, times)),
            }
        }
        Ok(())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["asked for", "times", "p50", "p99", "greatest"]);
        for (kind, times) in &self.0 {
            let mut row = vec![(*kind).to_owned(), times.len().to_string()];
            row.extend([50.0, 99.0, 100.0].map(|percentile| millis(times, percentile)));
            table.add_row(row);
        }
        writeln!(f, "{table}")
    }
}
