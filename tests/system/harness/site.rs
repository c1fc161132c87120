//! A place of its own for each test: directory, settings, ports, processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;
use rollcall_hub::DEVELOPMENT_CONNECTION_STRING;
use tempfile::TempDir;

use super::api::Api;
use super::database::Database;
use super::ledger::Ledger;
use super::port;
use super::running::Running;
use super::scatter::Loads;
use super::sender::Sender;
use super::truth::Truth;
use super::wait::until;

/// Lines of each log that a failed test shows.
const SHOWN_LINES: usize = 40;
/// Set, it leaves the directory of a test where it is.
const KEEP: &str = "ROLLCALL_TEST_KEEP";

pub(crate) struct Site {
    dir: TempDir,
    /// Full key → TOML literal.
    settings: BTreeMap<String, String>,
    pub(crate) hub_port: u16,
    pub(crate) http_port: u16,
    database: Database,
    started: AtomicU32,
}

impl Site {
    /// A node with its hub in the same process.
    pub(crate) fn embedded(partitions: u32) -> Self {
        let dir = TempDir::with_prefix("rollcall-test-").unwrap();
        let (hub_port, http_port) = (port::free(), port::free());
        let mut site = Self {
            database: Database::at(&dir.path().join("data/rollcall.db")),
            dir,
            settings: BTreeMap::new(),
            hub_port,
            http_port,
            started: AtomicU32::new(0),
        };
        site.set("node.name", "\"test\"");
        site.set("node.data_dir", &format!("{:?}", site.data_dir()));
        site.listen_on(hub_port, http_port);
        site.set("hub.partitions", &partitions.to_string());
        site
    }

    /// A node and a hub in a process of its own, which [`Site::start_hub`] starts.
    pub(crate) fn apart(partitions: u32) -> Self {
        let mut site = Self::embedded(partitions);
        let endpoint = format!("\"amqp://127.0.0.1:{}\"", site.hub_port);
        site.set("source.kind", "\"event_hubs\"");
        site.set("source.event_hubs.custom_endpoint", &endpoint);
        let connection_string = format!("\"{DEVELOPMENT_CONNECTION_STRING}\"");
        site.set("source.event_hubs.connection_string", &connection_string);
        site
    }

    /// Nodes that share a database of PostgreSQL, and a hub in a process of its own.
    pub(crate) fn shared(partitions: u32, url: &str) -> Self {
        let mut site = Self::apart(partitions);
        site.set("store.url", &format!("{url:?}"));
        site.database = Database::Postgres(url.to_owned());
        site
    }

    pub(crate) fn listen_on(&mut self, hub_port: u16, http_port: u16) {
        (self.hub_port, self.http_port) = (hub_port, http_port);
        self.set("hub.listen", &format!("\"127.0.0.1:{hub_port}\""));
        self.set("http.listen", &format!("\"127.0.0.1:{http_port}\""));
    }

    /// Sets a key to a TOML literal, for every process that starts from now on.
    pub(crate) fn set(&mut self, key: &str, literal: &str) {
        self.settings.insert(key.to_owned(), literal.to_owned());
        let lines = self
            .settings
            .iter()
            .map(|(key, literal)| format!("{key} = {literal}\n"));
        std::fs::write(self.config(), lines.collect::<String>()).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("rollcall.toml")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn hub_dir(&self) -> PathBuf {
        self.data_dir().join("hub")
    }

    pub(crate) fn database(&self) -> Database {
        self.database.clone()
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(self.http_port)
    }

    pub(crate) async fn sender(&self) -> Sender {
        Sender::to(self.hub_port).await
    }

    /// Sends each partition its load, to all of them at once.
    pub(crate) async fn send(&self, loads: Loads) {
        join_all((0..).zip(loads).map(async |(partition, bodies)| {
            let sender = self.sender().await;
            sender.send(partition, bodies).await;
            sender.close().await;
        }))
        .await;
    }

    pub(crate) fn truth(&self) -> Truth {
        Truth::read(&self.hub_dir())
    }

    /// The program with this site's settings, and nothing of our own environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(environment("RUST_LOG").map(|filter| ("RUST_LOG", filter)))
            // So that a failure that should be a sentence shows itself as the backtrace it is.
            .env("RUST_BACKTRACE", "1")
            .arg("--config")
            .arg(self.config())
            .args(arguments);
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// Runs a command that must succeed; what it wrote on standard output.
    pub(crate) async fn answer(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {}: {talk}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn spawn(&self, name: &str, command: Command) -> Running {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        Running::spawn(command, &self.path(&format!("{number:02}-{name}")))
    }

    /// Starts a node and does not wait for it.
    pub(crate) fn spawn_node(&self) -> Running {
        self.spawn("node", self.command(&["run"]))
    }

    /// Starts a node whose fault points act, such as `owner.admit=2*panic`.
    pub(crate) fn spawn_faulty_node(&self, faults: &str) -> Running {
        let mut command = self.command(&["run"]);
        command.env("FAILPOINTS", faults);
        self.spawn("faulty-node", command)
    }

    /// Starts a node and waits until it is ready.
    pub(crate) async fn start_node(&self) -> Running {
        let mut node = self.spawn_node();
        self.ready(&mut node).await;
        node
    }

    pub(crate) async fn ready(&self, node: &mut Running) {
        Self::ready_at(&self.api(), node).await;
    }

    pub(crate) async fn ready_at(api: &Api, node: &mut Running) {
        until("/readyz = 200", async || {
            assert!(node.is_alive(), "the node ended:\n{}", node.talk());
            api.try_get("/readyz")
                .await
                .filter(|(code, _)| *code == 200)
        })
        .await;
    }

    /// Starts the hub of [`Site::apart`] and waits until it takes connections.
    pub(crate) async fn start_hub(&self) -> Running {
        let hub = self.spawn("hub", self.command(&["hub"]));
        until("the hub listens", async || {
            std::net::TcpStream::connect(("127.0.0.1", self.hub_port)).ok()
        })
        .await;
        hub
    }

    /// Waits until the tables account for every event of the log as it is now.
    pub(crate) async fn settled(&self) -> Truth {
        let truth = self.truth();
        self.settled_at(&self.database(), &truth).await;
        truth
    }

    pub(crate) async fn settled_at(&self, database: &Database, truth: &Truth) {
        let due = truth.last_numbers();
        until("the checkpoints reach the end of the log", async || {
            let at = database.checkpoints().await;
            (at == due).then_some(())
        })
        .await;
    }

    /// Waits for the end of the log and checks everything; what the log holds.
    pub(crate) async fn holds_at_the_end(&self) -> Truth {
        let truth = self.settled().await;
        let ledger = Ledger::new(self.database().read().await, truth.clone());
        ledger.holds_at_the_end();
        truth
    }
}

impl Drop for Site {
    /// A failed test shows what its processes said.
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_logs(self.dir.path());
        }
        if environment(KEEP).is_some() {
            self.dir.disable_cleanup(true);
            eprintln!("kept: {}", self.dir.path().display());
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "settings of the tests, not of the program"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn show_logs(dir: &Path) {
    let mut logs: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "err"))
        .collect();
    logs.sort();
    for log in logs {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let shown = lines.len().saturating_sub(SHOWN_LINES);
        eprintln!("--- {}\n{}", log.display(), lines[shown..].join("\n"));
    }
}
