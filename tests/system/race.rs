//! `rollcall demo race`: what holds in every run of it, that it says what it leaves out, and that
//! nothing of it stays behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::site::Site;
use crate::harness::wait::until;

const NEED_REDIS: [&str; 4] = ["check_then_set", "set_nx", "get_or_lock", "lock_around"];

/// A directory for temporary files of its own, in which `nobody` may run PostgreSQL.
struct Scene {
    site: Site,
    temporary: TempDir,
}

impl Scene {
    fn new() -> Self {
        let temporary = TempDir::with_prefix("rollcall-race-test-").unwrap();
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(temporary.path(), everybody).unwrap();
        Self {
            site: Site::embedded(1),
            temporary,
        }
    }

    fn race(&self, flags: &[&str]) -> Command {
        let mut command = self.site.command(&["demo", "race"]);
        command.args(flags).env("TMPDIR", self.temporary.path());
        command
    }

    /// What a race that must succeed writes on standard output.
    async fn output(&self, flags: &[&str]) -> String {
        let mut command = self.race(flags);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {talk}", output.status);
        assert_eq!(entries(self.temporary.path()), Vec::<PathBuf>::new());
        String::from_utf8(output.stdout).unwrap()
    }

    async fn report(&self, flags: &[&str]) -> Value {
        let output = self.output(&[flags, &["--json"]].concat()).await;
        serde_json::from_str(&output).unwrap()
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The id of a PostgreSQL somewhere below `dir` that takes connections.
fn running_postmaster(dir: &Path) -> Option<u32> {
    // Files come and go meanwhile.
    for entry in std::fs::read_dir(dir).ok()?.flatten() {
        let entry = entry.path();
        let found = if entry.is_dir() {
            running_postmaster(&entry)
        } else if entry.ends_with("postmaster.pid") {
            let text = std::fs::read_to_string(&entry).unwrap_or_default();
            let is_ready = text.lines().any(|line| line.trim() == "ready");
            text.lines().next().filter(|_| is_ready)?.parse().ok()
        } else {
            None
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| entry["way"].as_str().unwrap()).collect()
}

fn way<'r>(report: &'r Value, name: &str) -> &'r Value {
    let ways = report["ways"].as_array().unwrap();
    let found = ways.iter().find(|way| way["way"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// What its unique key, its outbox and its commits promise, in every run and under every kill.
fn holds(report: &Value) {
    for name in ["event_after_commit", "outbox", "rollcall"] {
        let way = way(report, name);
        for count in [
            "owners_created_twice",
            "owners_lost",
            "announced_twice",
            "statuses_lost",
        ] {
            assert_eq!(way[count], 0, "{count} of {way}");
        }
    }
    for name in ["outbox", "rollcall"] {
        assert_eq!(way(report, name)["announcements_lost"], 0, "{report}");
    }
    assert_eq!(
        way(report, "rollcall")["statuses_stored_twice"],
        0,
        "{report}"
    );
    for way in report["ways"].as_array().unwrap() {
        assert!(way["statuses_per_second"].as_u64().unwrap() > 0, "{way}");
    }
}

#[tokio::test]
async fn with_every_server_all_ways_run_everybody_is_killed_once_and_what_is_promised_holds() {
    let scene = Scene::new();
    let report = scene.report(&["--owners", "80", "--consumers", "4"]).await;
    assert_eq!(report["left_out"], Value::Array(Vec::new()));
    assert_eq!(report["database"], "PostgreSQL");
    assert_eq!(report["ways"].as_array().unwrap().len(), 9, "{report}");
    holds(&report);
    for name in ["check_then_create", "set_nx", "event_after_commit"] {
        assert_eq!(way(&report, name)["kills"], 4, "{report}");
    }
    for name in ["outbox", "two_hundred_lines"] {
        assert_eq!(way(&report, name)["kills"], 5, "with the relay: {report}");
    }
    assert_eq!(way(&report, "rollcall")["kills"], 3, "{report}");
}

#[tokio::test]
async fn without_servers_it_runs_on_sqlite_and_says_what_it_leaves_out_and_why() {
    let scene = Scene::new();
    let small = [
        "--sqlite",
        "--no-redis",
        "--owners",
        "40",
        "--consumers",
        "2",
    ];
    let report = scene.report(&small).await;
    holds(&report);
    let run = [
        "check_then_create",
        "event_after_commit",
        "outbox",
        "rollcall",
    ];
    assert_eq!(names(&report["ways"]), run);
    let left_out = [NEED_REDIS.as_slice(), &["two_hundred_lines"]].concat();
    assert_eq!(names(&report["left_out"]), left_out);
    assert_eq!(
        way(&report, "rollcall")["kills"],
        1,
        "SQLite has one process"
    );

    let text = scene.output(&small).await;
    let redis = "left out: Redis SET NX: it needs Redis, which was to be left out";
    assert!(text.contains(redis), "{text}");
    let postgres = "it needs PostgreSQL, and SQLite was asked for";
    assert!(text.contains(postgres), "{text}");
}

#[tokio::test]
async fn a_race_that_is_killed_leaves_neither_processes_nor_files() {
    let scene = Scene::new();
    let race = scene
        .site
        .spawn("race", scene.race(&["--no-redis", "--owners", "5000"]));
    let temporary = scene.temporary.path();
    let postmaster = until("its PostgreSQL runs", async || {
        running_postmaster(temporary)
    })
    .await;
    race.kill();
    until("everything is gone", async || {
        entries(temporary).is_empty().then_some(())
    })
    .await;
    let process = PathBuf::from(format!("/proc/{postmaster}"));
    until("its PostgreSQL is gone", async || {
        (!process.exists()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_was_named_and_is_not_there_is_told_with_what_to_do() {
    let scene = Scene::new();
    for flags in [
        ["--postgres", "postgres://127.0.0.1:1/nowhere"],
        ["--redis", "redis://127.0.0.1:1"],
    ] {
        let mut command = scene.race(&flags);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{talk}");
        assert!(talk.contains("cannot connect to"), "{talk}");
        assert!(talk.contains("name servers that can be reached"), "{talk}");
    }
}
