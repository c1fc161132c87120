//! A database that takes no writes for a while: locked by somebody else, or on a full disk.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rollcall_model::Timestamp;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::harness::database::Database;
use crate::harness::ledger::Ledger;
use crate::harness::message::status;
use crate::harness::running::Running;
use crate::harness::site::Site;
use crate::harness::truth::Truth;
use crate::harness::wait::until;

const PARTITIONS: u32 = 2;
const EVENT_BYTES: usize = 12_000;
/// Per partition; together far more than a node with these settings may keep in memory.
const EVENTS: usize = 2_000;
const SENT_KIB: u64 = (PARTITIONS as usize * EVENTS * EVENT_BYTES / 1_024) as u64;

/// A node whose windows and prefetch hold about 6 MiB of events.
struct Blocked {
    site: Site,
    database: Database,
    node: Running,
    hub: Running,
    /// KiB, after it had some work to do.
    resident_before: u64,
    received_before: u64,
}

impl Blocked {
    async fn with_database(path: &Path) -> Self {
        let mut site = Site::apart(PARTITIONS);
        site.set("source.event_hubs.prefetch", "100");
        site.set("pipeline.batch_max_bytes", "\"1MiB\"");
        site.set("pipeline.in_flight_batches", "2");
        let database = match path.is_absolute() {
            true => Database::at(path),
            false => Database::at(&site.data_dir().join(path)),
        };
        let url = format!("\"sqlite://{}\"", database.path().display());
        site.set("store.url", &url);
        let hub = site.start_hub().await;
        let node = site.start_node().await;
        send(&site, EVENTS / 10).await;
        site.settled_at(&database, &site.truth()).await;
        Self {
            resident_before: node.resident_kib(),
            received_before: received(&site).await,
            site,
            database,
            node,
            hub,
        }
    }

    /// With the database blocked: the node says so and stops reading, so that it stays small.
    async fn waits(&self) {
        send(&self.site, EVENTS).await;
        let api = self.site.api();
        let (_, problem) = until("/readyz = 503", async || {
            Some(api.get("/readyz").await).filter(|(code, _)| *code == 503)
        })
        .await;
        assert!(problem.to_string().contains("database"), "{problem}");
        let (code, _) = api.get("/livez").await;
        assert_eq!(
            code, 200,
            "a restart would not help, so nobody shall ask for one"
        );
        let received = self.reading_has_paused().await;
        let (ahead, sent) = (
            received - self.received_before,
            EVENTS * PARTITIONS as usize,
        );
        assert!(
            ahead < sent as u64 / 2,
            "{ahead} events of {sent} were read ahead"
        );
        let grown = self
            .node
            .resident_kib()
            .saturating_sub(self.resident_before);
        assert!(
            grown < SENT_KIB / 2,
            "{grown} KiB more than before, {SENT_KIB} KiB were sent"
        );
    }

    /// Waits until no more events arrive, and returns how many have.
    async fn reading_has_paused(&self) -> u64 {
        let mut seen = (0, 0);
        until("reading has paused", async || {
            let received = received(&self.site).await;
            seen = if seen.0 == received {
                (received, seen.1 + 1)
            } else {
                (received, 0)
            };
            (seen.1 >= 50).then_some(received)
        })
        .await
    }

    /// With the database free again: everything goes on by itself.
    async fn goes_on(mut self) {
        self.site.ready(&mut self.node).await;
        let truth = self.site.truth();
        assert_eq!(truth.len(), PARTITIONS as usize * (EVENTS + EVENTS / 10));
        self.holds(truth).await;
        assert!(self.node.terminate().await.success());
        drop(self.hub);
    }

    async fn holds(&self, truth: Truth) {
        self.site.settled_at(&self.database, &truth).await;
        Ledger::new(self.database.read().await, truth).holds_at_the_end();
    }
}

async fn received(site: &Site) -> u64 {
    site.api().counter("rollcall_source_events_total").await
}

async fn send(site: &Site, count: usize) {
    let data = format!("{:?}", "x".repeat(EVENT_BYTES));
    let sender = site.sender().await;
    for partition in 0..PARTITIONS {
        let bodies = (0..count).map(|number| status(&format!("owner {}", number % 50), "1", &data));
        sender.send(partition, bodies).await;
    }
    sender.close().await;
}

#[tokio::test]
async fn a_database_that_somebody_else_locks_is_waited_for() {
    let blocked = Blocked::with_database(Path::new("rollcall.db")).await;
    let lock = lock(&blocked.database).await;
    blocked.waits().await;
    unlock(lock).await;
    blocked.goes_on().await;
}

async fn lock(database: &Database) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database.path());
    let mut connection = options.connect().await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

async fn unlock(mut connection: SqliteConnection) {
    sqlx::query("ROLLBACK")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let Some(disk) = Disk::mount() else { return };
    let blocked = Blocked::with_database(&disk.path().join("rollcall.db")).await;
    let filler = disk.fill();
    blocked.waits().await;
    let readable = blocked.site.api().get("/api/v1/owners?limit=1").await;
    assert_eq!(readable.0, 200, "reading goes on: {}", readable.1);
    the_reason_has_a_time(&blocked.site).await;
    std::fs::remove_file(filler).unwrap();
    blocked.goes_on().await;
}

async fn the_reason_has_a_time(site: &Site) {
    let (_, problem) = site.api().get("/readyz").await;
    let reasons = problem["reasons"].as_array().unwrap();
    let words = reasons
        .iter()
        .filter_map(Value::as_str)
        .flat_map(|it| it.split(' '));
    let times = words.filter(|word| Timestamp::parse(word).is_ok());
    assert_eq!(times.count(), 1, "since when: {problem}");
}

const NO_MOUNT: &str = "ROLLCALL_TEST_NO_MOUNT";

/// A small file system in memory, gone when dropped.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    /// `None`, where the environment says that mounting is not possible.
    fn mount() -> Option<Self> {
        let dir = tempfile::TempDir::with_prefix("rollcall-disk-").unwrap();
        let mounted = as_root(
            &["mount", "-t", "tmpfs", "-o", "size=256m,mode=1777", "tmpfs"],
            dir.path(),
        );
        if mounted {
            return Some(Self { dir });
        }
        assert!(
            excused(),
            "a file system of 256 MiB cannot be mounted: run as root, or set {NO_MOUNT}=1 to leave this test out"
        );
        eprintln!("left out: {NO_MOUNT} is set");
        None
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        let zeros = vec![0; 1 << 20];
        while file.write_all(&zeros).is_ok() {}
        while file.write_all(&[0; 512]).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy"], self.dir.path());
    }
}

/// Runs a command with a path, as root or by way of sudo.
fn as_root(command: &[&str], path: &Path) -> bool {
    [&[][..], &["sudo", "-n"]].into_iter().any(|prefix| {
        let words = [prefix, command].concat();
        let done = Command::new(words[0]).args(&words[1..]).arg(path).output();
        done.is_ok_and(|output| output.status.success())
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the program"
)]
fn excused() -> bool {
    std::env::var(NO_MOUNT).is_ok_and(|value| value == "1")
}
