//! A node as systemd keeps it: whatever ends it, it is started again.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::harness::api::Api;
use crate::harness::link::Link;
use crate::harness::port;
use crate::harness::running::Running;
use crate::harness::site::Site;
use crate::harness::wait::until;

/// A service that it needs is not there: an honest end of a start.
const UNAVAILABLE: i32 = 69;

/// A node's place: its name, port and connections outlive its processes.
pub(super) struct Unit {
    name: String,
    port: u16,
    pub(super) api: Api,
    pub(super) hub: Link,
    pub(super) database: Link,
    url: String,
    life: Mutex<Life>,
}

struct Life {
    process: Option<Running>,
    /// What starts next.
    next: Start,
    /// Whether its end is a finding.
    faulty: bool,
    starts: usize,
    findings: Vec<String>,
}

/// How a node is started.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Start {
    /// Fault points that act.
    pub(super) points: &'static str,
}

impl Unit {
    /// `url` names the database, where its port is `database`.
    pub(super) async fn new(name: &str, hub: u16, database: u16, url: &str) -> Self {
        let port = port::free();
        let link = Link::to(database).await;
        Self {
            name: name.to_owned(),
            port,
            api: Api::new(port),
            url: url.replace(&format!(":{database}/"), &format!(":{}/", link.port())),
            hub: Link::to(hub).await,
            database: link,
            life: Mutex::new(Life {
                process: None,
                next: Start::default(),
                faulty: false,
                starts: 0,
                findings: Vec::new(),
            }),
        }
    }

    /// Every second time newcomers on the stream wait for somebody's decision, as after a change of the
    /// configuration.
    fn spawn(&self, site: &Site, start: Start, number: usize) -> Running {
        let provisioning = ["auto", "approve"][number % 2];
        let settings = [
            format!("node.name={}", self.name),
            format!(
                "node.data_dir={}",
                site.path(&format!("data-{}", self.name)).display()
            ),
            format!("http.listen=127.0.0.1:{}", self.port),
            format!("store.url={}", self.url),
            format!(
                "source.event_hubs.custom_endpoint=amqp://127.0.0.1:{}",
                self.hub.port()
            ),
            format!("registry.provisioning={provisioning}"),
        ];
        let mut command = site.command(&["run"]);
        command.env("FAILPOINTS", start.points);
        for setting in &settings {
            command.args(["--set", setting]);
        }
        site.spawn(&format!("node-{}", self.name), command)
    }

    /// `kill -9`, and another start, which [`Self::tend`] repeats until it succeeds.
    pub(super) async fn kill(&self, site: &Site, start: Start) {
        let mut life = self.life.lock().await;
        if let Some(process) = life.process.take() {
            process.kill();
        }
        life.start(self, site, start);
    }

    /// SIGTERM, and another start.
    pub(super) async fn stop(&self, site: &Site, start: Start) {
        self.leave().await;
        self.life.lock().await.start(self, site, start);
    }

    /// SIGTERM, and nothing more.
    pub(super) async fn leave(&self) {
        let mut life = self.life.lock().await;
        let faulty = life.faulty;
        let Some(process) = life.process.take() else {
            return;
        };
        let talk = process.talk_path();
        let ended = tokio::time::timeout(Duration::from_secs(50), process.terminate()).await;
        // One that was starting, or without its database, may say that it could not end well.
        let honest = |code: Option<i32>| matches!(code, Some(0 | 1 | UNAVAILABLE));
        match ended {
            Ok(status) if faulty || honest(status.code()) || status.signal() == Some(15) => {}
            ended => life
                .findings
                .push(format!("a stop ended by {ended:?}, see {talk}")),
        }
    }

    pub(super) async fn pause(&self) {
        self.signal("STOP").await;
    }

    pub(super) async fn wake(&self) {
        self.signal("CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let mut life = self.life.lock().await;
        if let Some(process) = &mut life.process
            && process.exit().is_none()
        {
            process.signal(signal);
        }
    }

    /// Starts it anew if it has ended by itself.
    pub(super) async fn tend(&self, site: &Site) {
        let mut life = self.life.lock().await;
        let Some(status) = life.process.as_mut().and_then(Running::exit) else {
            return;
        };
        let talk = life.process.take().map(|process| process.talk_path());
        if !life.faulty && status.code() != Some(UNAVAILABLE) {
            let finding = format!("node {} ended by itself: {status}, see {talk:?}", self.name);
            life.findings.push(finding);
        }
        let next = life.next;
        life.start(self, site, next);
    }

    /// From now on nobody makes its fault points act; it is ready.
    pub(super) async fn heals(&self, site: &Site) {
        self.hub.set(crate::harness::link::Weather::Passes);
        self.database.set(crate::harness::link::Weather::Passes);
        self.wake().await;
        if self.life.lock().await.faulty {
            self.stop(site, Start::default()).await;
        }
        until(&format!("node {} is ready", self.name), async || {
            self.tend(site).await;
            let (code, _) = self.api.try_get("/readyz").await?;
            (code == 200).then_some(())
        })
        .await;
    }

    /// What should not have been.
    pub(super) async fn findings(&self) -> String {
        let life = self.life.lock().await;
        life.findings.iter().fold(String::new(), |mut all, one| {
            writeln!(all, "{}: {one}", self.name).unwrap();
            all
        })
    }

    pub(super) async fn starts(&self) -> usize {
        self.life.lock().await.starts
    }
}

impl Life {
    fn start(&mut self, unit: &Unit, site: &Site, start: Start) {
        self.process = Some(unit.spawn(site, start, self.starts));
        self.faulty = !start.points.is_empty();
        self.next = start;
        self.starts += 1;
    }
}
