//! Who takes part: PostgreSQL, a hub, nodes, fleets.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rollcall_hub::DEVELOPMENT_CONNECTION_STRING;
use rollcall_test_servers::Postgres;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::cpu;
use crate::latency::Point;

const PARTITIONS: u32 = 16;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What takes longer without going on is broken.
const PATIENCE: Duration = Duration::from_secs(60);
const SERVER: [(&str, &str); 6] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "256MB"),
    ("track_commit_timestamp", "on"),
    // The one that a scenario asks for is the only one.
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "1h"),
];

/// Dropped, all of it is gone.
pub(crate) struct Cast {
    program: PathBuf,
    dir: TempDir,
    // Before the hub and the database, so that none is left alone.
    nodes: Vec<Process>,
    hub: Process,
    postgres: Postgres,
    connection: PgConnection,
}

/// What a fleet sends.
pub(crate) struct Fleet {
    pub(crate) owners: u64,
    /// Events per second.
    pub(crate) rate: f64,
    /// When it stops, by one or the other.
    pub(crate) events: Option<u64>,
    pub(crate) seconds: Option<u64>,
    pub(crate) seed: u64,
}

/// Of each who takes part.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuSeconds {
    pub(crate) nodes: f64,
    pub(crate) postgres: f64,
    pub(crate) hub: f64,
    pub(crate) fleets: f64,
    /// With whoever asks and listens.
    pub(crate) bench: f64,
}

/// Dropped, it is killed.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // One that is dead already is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    /// Waits for it to end by itself.
    pub(crate) async fn ends(&mut self) -> anyhow::Result<()> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                ensure!(status.success(), "a command ended by {status}");
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// The program that is asked for, otherwise the one beside the bench.
pub(crate) fn program(chosen: Option<&Path>) -> anyhow::Result<PathBuf> {
    let program = match chosen {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()?.with_file_name("rollcall"),
    };
    ensure!(
        program.exists(),
        "{} is not there: build it",
        program.display()
    );
    Ok(program)
}

impl Cast {
    /// A hub and an empty database.
    pub(crate) async fn start(program: PathBuf) -> anyhow::Result<Self> {
        let postgres = Postgres::start_with(&SERVER)?;
        let connection = PgConnection::connect(&postgres.url()).await?;
        let dir = TempDir::with_prefix("rollcall-bench-")?;
        let hub_port = free_port()?;
        std::fs::write(
            dir.path().join("rollcall.toml"),
            settings(hub_port, &postgres.url()),
        )?;
        let hub = spawn(&program, &dir, "hub", &["hub".to_owned()])?;
        let mut cast = Self {
            program,
            dir,
            nodes: Vec::new(),
            hub,
            postgres,
            connection,
        };
        cast.until("the hub listens", async |_| {
            Ok(std::net::TcpStream::connect(("127.0.0.1", hub_port)).is_ok())
        })
        .await?;
        Ok(cast)
    }

    /// Makes the tables, for whoever fills them before a node does.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        let arguments = ["migrate".to_owned(), "up".to_owned()];
        self.spawn("migrate", &arguments)?.ends().await
    }

    pub(crate) async fn start_nodes(&mut self, count: usize) -> anyhow::Result<()> {
        for number in 0..count {
            let own = [
                "run".to_owned(),
                "--set".to_owned(),
                format!("node.name=node-{number}"),
                "--set".to_owned(),
                format!("node.data_dir=node-{number}"),
            ];
            let node = self.spawn(&format!("node-{number}"), &own)?;
            self.nodes.push(node);
        }
        self.until("the nodes share the partitions", async |cast| {
            // Until the first node has made the tables, there is nothing to be read.
            let leased = "SELECT count(DISTINCT node) FROM partitions WHERE node IS NOT NULL";
            let leased = cast.number(leased).await.unwrap_or_default();
            Ok(usize::try_from(leased) == Ok(cast.nodes.len()))
        })
        .await
    }

    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// CPU seconds so far of each who takes part, of fleets once they have ended.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<CpuSeconds> {
        let nodes = self.nodes.iter().map(|node| cpu::seconds(node.0.id()));
        Ok(CpuSeconds {
            nodes: nodes.sum::<anyhow::Result<f64>>()?,
            postgres: cpu::seconds_of_tree(self.postgres.pid()?)?,
            hub: cpu::seconds(self.hub.0.id())?,
            fleets: cpu::seconds_of_ended_children()?,
            bench: cpu::seconds(std::process::id())?,
        })
    }

    fn spawn(&self, name: &str, arguments: &[String]) -> anyhow::Result<Process> {
        spawn(&self.program, &self.dir, name, arguments)
    }

    pub(crate) fn fleet(&self, name: &str, fleet: &Fleet) -> anyhow::Result<Process> {
        let mut arguments = vec![
            "simulate".to_owned(),
            format!("--owners={}", fleet.owners),
            "--sub-owners=5".to_owned(),
            format!("--rate={}", fleet.rate),
            format!("--seed={}", fleet.seed),
        ];
        arguments.extend(fleet.events.map(|events| format!("--events={events}")));
        arguments.extend(
            fleet
                .seconds
                .map(|seconds| format!("--duration={seconds}s")),
        );
        self.spawn(name, &arguments)
    }

    pub(crate) fn kill_a_node(&mut self) -> anyhow::Result<()> {
        self.nodes
            .pop()
            .map(drop)
            .context("no node is left to kill")
    }

    pub(crate) async fn checkpoint(&mut self) -> anyhow::Result<()> {
        sqlx::raw_sql("CHECKPOINT")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// By the clock that everybody here shares, in seconds.
    pub(crate) async fn now(&mut self) -> anyhow::Result<f64> {
        let sql = "SELECT extract(epoch FROM clock_timestamp())::float8";
        Ok(sqlx::query_scalar(sql)
            .fetch_one(&mut self.connection)
            .await?)
    }

    async fn number(&mut self, sql: &str) -> anyhow::Result<i64> {
        let sql = AssertSqlSafe(sql.to_owned());
        Ok(sqlx::query_scalar(sql)
            .fetch_one(&mut self.connection)
            .await?)
    }

    /// Waits until everything that was sent is committed.
    pub(crate) async fn rests(&mut self) -> anyhow::Result<()> {
        let logged = rollcall_hub::dump(&self.dir.path().join("hub/hub"))?;
        let logged = i64::try_from(logged.count())?;
        self.until("everything is committed", async |cast| {
            let sql = "SELECT COALESCE(sum(sequence_number + 1), 0)::bigint FROM partitions";
            Ok(cast.number(sql).await? == logged)
        })
        .await
    }

    async fn until(
        &mut self,
        what: &str,
        mut reached: impl AsyncFnMut(&mut Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !reached(self).await? {
            ensure!(
                tokio::time::Instant::now() < deadline,
                "waited too long until {what}"
            );
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Events per second from the first enqueued since then to the last committed.
    pub(crate) async fn rate_since(&mut self, since: f64) -> anyhow::Result<f64> {
        let sql = "SELECT count(*) / extract(epoch FROM
                       max(pg_xact_commit_timestamp(xmin)) - min(enqueued_at))::float8
                   FROM statuses WHERE enqueued_at >= to_timestamp($1)";
        let rate = sqlx::query_scalar(sql).bind(since);
        Ok(rate.fetch_one(&mut self.connection).await?)
    }

    /// Every status that was due since then.
    pub(crate) async fn points_since(&mut self, since: f64) -> anyhow::Result<Vec<Point>> {
        let sql = "SELECT extract(epoch FROM status_at)::float8 - $1,
                       extract(epoch FROM pg_xact_commit_timestamp(xmin) - status_at)::float8,
                       extract(epoch FROM pg_xact_commit_timestamp(xmin) - enqueued_at)::float8
                   FROM statuses WHERE enqueued_at >= to_timestamp($1) AND status_at >= to_timestamp($1)
                   ORDER BY status_at";
        let rows: Vec<(f64, f64, f64)> = sqlx::query_as(sql)
            .bind(since)
            .fetch_all(&mut self.connection)
            .await?;
        let point = |(due, latency, from_hub)| Point {
            due,
            latency,
            from_hub,
        };
        Ok(rows.into_iter().map(point).collect())
    }
}

impl std::fmt::Debug for Cast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cast")
            .field("postgres", &self.postgres)
            .finish_non_exhaustive()
    }
}

fn spawn(
    program: &Path,
    dir: &TempDir,
    name: &str,
    arguments: &[String],
) -> anyhow::Result<Process> {
    let log = File::create(dir.path().join(format!("{name}.log")))?;
    let child = Command::new(program)
        .args(["--config", "rollcall.toml"])
        .args(arguments)
        .env_clear()
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    let child = child.with_context(|| format!("cannot start {}", program.display()))?;
    Ok(Process(child))
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

/// The defaults, but for places: a hub of its own process, and whatever port is free.
fn settings(hub_port: u16, url: &str) -> String {
    format!(
        "node.data_dir = \"hub\"\n\
         hub.listen = \"127.0.0.1:{hub_port}\"\n\
         hub.partitions = {PARTITIONS}\n\
         source.kind = \"event_hubs\"\n\
         source.event_hubs.connection_string = \"{DEVELOPMENT_CONNECTION_STRING}\"\n\
         source.event_hubs.custom_endpoint = \"amqp://127.0.0.1:{hub_port}\"\n\
         store.url = {url:?}\n\
         http.listen = \"127.0.0.1:0\"\n"
    )
}
