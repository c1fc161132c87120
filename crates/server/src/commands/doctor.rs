//! `rollcall doctor`: checks the stored invariants and the surroundings. Exit code 1 if one fails.

use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use rollcall_model::{Clock, SystemClock, Timestamp};
use rollcall_store::Store;
use serde::Serialize;
use tokio::time::timeout;

use super::{Context, doctor_azure, reading};
use crate::failure::{Failure, chain};
use crate::node::data_dir::{DataDir, Holder};
use crate::output::{self, Format};
use crate::sending::hub_answers;
use crate::settings::{Settings, SourceKind};

/// What two clocks may differ by before times become misleading.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
const API_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// Try a real namespace and tell what it does
    Azure(doctor_azure::Arguments),
}

/// One check: `fault` tells what is wrong, `detail` what was found.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Check {
    check: String,
    detail: Option<String>,
    fault: Option<String>,
}

impl Check {
    pub(crate) fn new(check: &str, found: Result<Option<String>, String>) -> Self {
        let (detail, fault) = match found {
            Ok(detail) => (detail, None),
            Err(fault) => (None, Some(fault)),
        };
        Self {
            check: check.to_owned(),
            detail,
            fault,
        }
    }
}

pub(crate) async fn doctor(context: Context, arguments: Arguments) -> Result<(), Failure> {
    if let Some(Other::Azure(arguments)) = arguments.other {
        return doctor_azure::doctor_azure(context, arguments).await;
    }
    let settings = context.settings()?;
    let holder = DataDir::holder(&settings.node.data_dir);
    let runs = !matches!(holder, Ok(Holder::Nobody));
    let mut checks = vec![
        Check::new("settings", Ok(None)),
        Check::new(
            "data directory can be written",
            writable(&settings.node.data_dir),
        ),
        Check::new("data directory's lock", lock(holder)),
        Check::new("hub answers", hub(&settings, runs).await),
    ];
    match reading::open(&context).await {
        Ok((_, store)) => {
            checks.push(Check::new(
                "database can be read",
                Ok(Some(settings.shown_store_url())),
            ));
            checks.extend(of_store(&store, runs).await);
        }
        Err(failure) => {
            checks.push(Check::new("database can be read", Err(failure.to_string())));
        }
    }
    conclude(&checks, arguments.output)
}

/// Shows the checks, and fails if one of them did.
pub(crate) fn conclude(checks: &[Check], format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::json(&checks)?,
        Format::Table => output::text(&table(checks))?,
    }
    match checks.iter().filter(|check| check.fault.is_some()).count() {
        0 => Ok(()),
        1 => Err(anyhow::anyhow!("one check failed").into()),
        count => Err(anyhow::anyhow!("{count} checks failed").into()),
    }
}

fn writable(dir: &Path) -> Result<Option<String>, String> {
    let trial = dir.join(format!(".doctor-{}", std::process::id()));
    let tried = std::fs::write(&trial, b"x").and_then(|()| std::fs::remove_file(&trial));
    match tried {
        Ok(()) => Ok(Some(dir.display().to_string())),
        Err(error) => Err(format!("cannot write {}: {error}", dir.display())),
    }
}

fn lock(holder: std::io::Result<Holder>) -> Result<Option<String>, String> {
    match holder {
        Ok(Holder::Nobody) => Ok(Some("free: no node runs here".to_owned())),
        Ok(Holder::Process(pid)) => Ok(Some(format!("held by process {pid}"))),
        Err(error) => Err(format!("cannot look at the lock: {error}")),
    }
}

/// An embedded hub lives and dies with its node, and may have picked its port itself.
async fn hub(settings: &Settings, runs: bool) -> Result<Option<String>, String> {
    if settings.source_kind == SourceKind::Embedded {
        if !runs {
            return Ok(Some("not asked: it runs within the node".to_owned()));
        }
        if settings.hub.listen.port() == 0 {
            return Ok(Some(
                "not asked: hub.listen lets it pick its port".to_owned(),
            ));
        }
    }
    match hub_answers(settings.source.clone()).await {
        Ok(partitions) => Ok(Some(format!("{partitions} partitions"))),
        Err(error) => Err(chain(&error)),
    }
}

async fn of_store(store: &Store, runs: bool) -> Vec<Check> {
    let mut checks = vec![
        Check::new("clocks agree", clocks(store).await),
        Check::new("nodes answer", nodes(store, runs).await),
    ];
    match store.check_invariants().await {
        Ok(findings) => checks.extend(
            findings
                .into_iter()
                .map(|finding| Check::new(&finding.check, finding.fault.map_or(Ok(None), Err))),
        ),
        Err(error) => checks.push(Check::new("stored invariants", Err(chain(&error)))),
    }
    checks
}

/// The newest time that the database wrote must not lie ahead of this machine's clock.
async fn clocks(store: &Store) -> Result<Option<String>, String> {
    let newest = newest_time(store).await.map_err(|error| chain(&error))?;
    let Some(newest) = newest else {
        return Ok(Some("nothing is stored yet".to_owned()));
    };
    let ahead = newest.since(SystemClock.now());
    if ahead > CLOCK_TOLERANCE {
        let seconds = ahead.as_secs();
        return Err(format!(
            "the database wrote {newest}, {seconds} s ahead of this machine's clock"
        ));
    }
    Ok(None)
}

async fn newest_time(store: &Store) -> Result<Option<Timestamp>, rollcall_store::Error> {
    let mut times: Vec<_> = store
        .list_nodes()
        .await?
        .iter()
        .map(|node| node.last_seen_at)
        .collect();
    for stream in store.current_streams().await? {
        let partitions = store.list_partitions(stream.stream_id).await?;
        times.extend(
            partitions
                .iter()
                .filter_map(|partition| partition.last_commit_at),
        );
    }
    Ok(times.into_iter().max())
}

/// Asks every node that holds partitions whether it is ready.
async fn nodes(store: &Store, runs: bool) -> Result<Option<String>, String> {
    if !runs {
        return Ok(Some("not asked: no node runs here".to_owned()));
    }
    let nodes = store.list_nodes().await.map_err(|error| chain(&error))?;
    let mut faults = Vec::new();
    let mut answered = 0;
    for node in nodes.iter().filter(|node| node.partitions > 0) {
        let Some(api) = &node.api else { continue };
        match ready(api).await {
            Ok(()) => answered += 1,
            Err(fault) => faults.push(format!("{}: {fault}", node.name)),
        }
    }
    if faults.is_empty() {
        Ok(Some(format!("{answered} ready")))
    } else {
        Err(faults.join("; "))
    }
}

async fn ready(api: &str) -> Result<(), String> {
    let url = format!("{api}/readyz");
    // A node's API is on a loopback address, where no proxy reaches it.
    let client = reqwest::Client::builder().no_proxy().build();
    let client = client.map_err(|error| chain(&error))?;
    match timeout(API_DEADLINE, client.get(&url).send()).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("{url} answers {}", answer.status())),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!(
            "{url} does not answer within {} s",
            API_DEADLINE.as_secs()
        )),
    }
}

fn table(checks: &[Check]) -> String {
    let row = |check: &Check| {
        let (result, text) = match (&check.fault, &check.detail) {
            (Some(fault), _) => ("FAILED", fault.clone()),
            (None, Some(detail)) => ("ok", detail.clone()),
            (None, None) => ("ok", String::new()),
        };
        vec![result.to_owned(), check.check.clone(), text]
    };
    output::table(&["RESULT", "CHECK", "FOUND"], checks.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_failed_and_why() {
        let checks = [
            Check::new("settings", Ok(None)),
            Check::new("hub answers", Ok(Some("8 partitions".to_owned()))),
            Check::new(
                "I1 one row per owner",
                Err("owner \"7\" has 2 created events".to_owned()),
            ),
        ];
        insta::assert_snapshot!(table(&checks), @r#"
        RESULT  CHECK                 FOUND
        ok      settings
        ok      hub answers           8 partitions
        FAILED  I1 one row per owner  owner "7" has 2 created events
        "#);
    }

    #[test]
    fn a_directory_that_is_not_there_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        assert!(writable(dir.path()).is_ok());
        assert!(writable(&dir.path().join("missing")).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
