//! A private PostgreSQL cluster: Debian's programs, an own data directory, a free loopback port.
//!
//! nextest runs each test in a process of its own, and `initdb` costs two seconds of a core, so it
//! runs once: its result is kept as a template in the temporary directory, and a cluster is a copy
//! of it, which starts within half a second. One cluster for all processes would start fewer
//! servers, but somebody would have to know when the last test is through, a test that restarts
//! its server would end others', and a hung one would be everybody's. Within a process the tests
//! share [`Postgres::of_this_process`] and have a database each.
//!
//! Nothing is flushed to the disk unless a test asks for it (`fsync`): what is tested is never
//! the machine's loss of power. PostgreSQL refuses to run as root, so root runs it as `nobody`.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::keeper::Keeper;

/// Debian has the programs of each version in `15/bin` and so on below it.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// `nobody` and its group on Debian.
const NOBODY: u32 = 65_534;
const SUPERUSER: &str = "rollcall";
/// A free port may be taken by somebody else before the server has it.
const PORT_TRIES: usize = 5;

/// Later ones win, and [`Postgres::start_with`]'s come last.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "100"),
    ("max_wal_size", "1GB"),
    ("shared_buffers", "64MB"),
    ("log_min_messages", "warning"),
];

/// A running cluster of its own; dropped, it is stopped and removed.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    settings: Vec<(String, String)>,
    databases: AtomicU32,
    _keeper: Keeper,
}

/// A copy of a cluster's data directory, as it was.
#[derive(Debug)]
pub struct Snapshot(PathBuf);

/// An empty database of its own; dropped, it is gone, whoever is still connected.
#[derive(Debug)]
pub struct Database<'p> {
    cluster: &'p Postgres,
    name: String,
}

impl Postgres {
    /// # Errors
    /// If Debian's PostgreSQL is missing, or does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// As [`Self::start`], with settings as in `postgresql.conf`; `[("fsync", "on"),
    /// ("full_page_writes", "on")]` for what shall be as durable, and as slow, as in earnest.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_from(settings, |programs, data| copy(&template(programs)?, data))
    }

    /// As [`Self::start_with`], and leaves nothing behind, not even the template: two seconds slower.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_apart(settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_from(settings, initialise)
    }

    /// `make` makes the data directory.
    fn start_from(
        settings: &[(&str, &str)],
        make: impl FnOnce(&Path, &Path) -> Result<()>,
    ) -> Result<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new()
            .prefix("rollcall-postgres-")
            .tempdir()
            .context("cannot make a directory for PostgreSQL")?
            .keep();
        give_away(&directory)?;
        let stop = format!(
            "'{}/pg_ctl' stop -m immediate -D \"$1/data\"",
            programs.display()
        );
        let keeper = Keeper::start(unprivileged("sh"), &stop, &directory)?;
        make(&programs, &directory.join("data"))?;
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut cluster = Self {
            programs,
            directory,
            port: 0,
            settings: SETTINGS.iter().chain(settings).map(own).collect(),
            databases: AtomicU32::new(0),
            _keeper: keeper,
        };
        cluster.start_on_a_free_port()?;
        Ok(cluster)
    }

    /// The cluster that the tests of this process share. They never stop it.
    ///
    /// # Panics
    /// If it cannot be started: no test that asks for it can go on.
    #[must_use]
    #[expect(clippy::panic, reason = "without the server there is no test")]
    pub fn of_this_process() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// Of the process that all others of the cluster are children of.
    ///
    /// # Errors
    /// If the server is stopped.
    pub fn pid(&self) -> Result<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid"));
        let file = file.context("the server is stopped")?;
        let first = file.lines().next().unwrap_or_default();
        first.trim().parse().context("postmaster.pid")
    }

    /// Of the database `postgres`, which every cluster has.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// # Errors
    /// If the server refuses.
    pub fn new_database(&self) -> Result<Database<'_>> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("roll_{number}");
        self.psql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(Database {
            cluster: self,
            name,
        })
    }

    /// Runs a statement through psql, and gives what it answers, unaligned and without headings.
    ///
    /// # Errors
    /// If psql fails, with what it says.
    pub fn psql(&self, database: &str, statement: &str) -> Result<String> {
        self.run_psql(database, &["-c".as_ref(), statement.as_ref()])
    }

    fn run_psql(&self, database: &str, source: &[&std::ffi::OsStr]) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(source)
            .arg(self.url_of(database));
        run(&mut psql)
    }

    /// Stops at once, as in a crash: sessions are cut, and the next start recovers.
    ///
    /// # Errors
    /// If it does not run.
    pub fn stop_immediate(&self) -> Result<()> {
        self.pg_ctl(&["stop", "-m", "immediate"])
    }

    /// On the same port, with the same data.
    ///
    /// # Errors
    /// If it does not start, with the end of its log.
    pub fn start_again(&self) -> Result<()> {
        let log = self.directory.join("log");
        let mut options = format!("-p {}", self.port);
        for (name, value) in &self.settings {
            options.push_str(&format!(" -c {name}='{value}'"));
        }
        let log_text = log.display().to_string();
        let started = self.pg_ctl(&["start", "-l", &log_text, "-o", &options]);
        started.with_context(|| last_lines(&self.log()))
    }

    /// Stops in an orderly way, cutting the sessions, and starts again.
    ///
    /// # Errors
    /// As [`Self::start_again`].
    pub fn restart(&self) -> Result<()> {
        self.pg_ctl(&["stop", "-m", "fast"])?;
        self.start_again()
    }

    /// Copies the data directory; the server is away meanwhile.
    ///
    /// # Errors
    /// If the server does not stop or start, or the copy fails.
    pub fn snapshot(&self) -> Result<Snapshot> {
        static SNAPSHOTS: AtomicU32 = AtomicU32::new(0);
        let number = SNAPSHOTS.fetch_add(1, Ordering::Relaxed);
        let place = self.directory.join(format!("snapshot-{number}"));
        self.pg_ctl(&["stop", "-m", "fast"])?;
        copy(&self.data(), &place)?;
        self.start_again()?;
        Ok(Snapshot(place))
    }

    /// Puts a copy back in place of the data, as after a restore from a backup.
    ///
    /// # Errors
    /// As [`Self::snapshot`].
    pub fn restore(&self, Snapshot(place): &Snapshot) -> Result<()> {
        self.stop_immediate()?;
        fs::remove_dir_all(self.data())?;
        copy(place, &self.data())?;
        self.start_again()
    }

    /// All that the server has logged so far: warnings and worse.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn start_on_a_free_port(&mut self) -> Result<()> {
        let mut last = anyhow!("PostgreSQL was not started");
        for _ in 0..PORT_TRIES {
            let probe = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
            self.port = probe.local_addr()?.port();
            drop(probe);
            match self.start_again() {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn pg_ctl(&self, arguments: &[&str]) -> Result<()> {
        let mut pg_ctl = unprivileged(self.programs.join("pg_ctl"));
        pg_ctl.args(arguments).arg("-w").arg("-D").arg(self.data());
        // Not captured: the server keeps what pg_ctl had open, and its end would be waited for.
        pg_ctl.stdout(Stdio::null()).stderr(Stdio::null());
        let status = pg_ctl.status().with_context(|| unstarted(&pg_ctl))?;
        ensure!(status.success(), "{pg_ctl:?} failed: {status}");
        Ok(())
    }
}

impl Database<'_> {
    #[must_use]
    pub fn url(&self) -> String {
        self.cluster.url_of(&self.name)
    }

    /// As [`Postgres::psql`], here.
    ///
    /// # Errors
    /// As there.
    pub fn psql(&self, statement: &str) -> Result<String> {
        self.cluster.psql(&self.name, statement)
    }

    /// Runs the statements of a file, with the rows of their `COPY … FROM STDIN`.
    ///
    /// # Errors
    /// As [`Postgres::psql`].
    pub fn psql_file(&self, file: &Path) -> Result<String> {
        let source = ["-f".as_ref(), file.as_os_str()];
        self.cluster.run_psql(&self.name, &source)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A test may have stopped the server for good; the directory goes with the cluster.
        drop(self.cluster.psql("postgres", &statement));
    }
}

/// Those of the newest version that is installed.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir(PROGRAMS).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .exists()
                .then_some((version, programs))
        })
        .max();
    match newest {
        Some((_, programs)) => Ok(programs),
        None => bail!(
            "PostgreSQL is missing: {PROGRAMS} has no version of it; run `tests/run \
             --install-only`, or install Debian's package postgresql"
        ),
    }
}

/// An empty cluster, made by whoever needs it first.
fn template(programs: &Path) -> Result<PathBuf> {
    let version = programs.parent().and_then(Path::file_name);
    let version = version.unwrap_or_default().to_string_lossy();
    let name = format!("rollcall-postgres-template-{}-{version}", user()?);
    let home = std::env::temp_dir().join(name);
    make_home(&home)?;
    let lock = File::create(home.join("lock"))?;
    lock.lock()
        .context("cannot lock the template of a cluster")?;
    let (unfinished, finished) = (home.join("unfinished"), home.join("data"));
    if !finished.exists() {
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        initialise(programs, &unfinished)?;
        fs::rename(&unfinished, &finished)?;
    }
    Ok(finished)
}

/// An empty cluster in a directory that is not there yet.
fn initialise(programs: &Path, data: &Path) -> Result<()> {
    run(unprivileged(programs.join("initdb"))
        .args([
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
            "--wal-segsize=1",
        ])
        .args(["-U", SUPERUSER, "-D"])
        .arg(data))?;
    Ok(())
}

/// Whatever lies there already has to be one's own: others can write to the temporary directory.
fn make_home(home: &Path) -> Result<()> {
    match fs::create_dir(home) {
        Ok(()) => give_away(home),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let owner = if user()? == 0 { NOBODY } else { user()? };
            let metadata = fs::symlink_metadata(home)?;
            // Root's process may have been interrupted before it gave it away.
            let own = metadata.is_dir() && [owner, user()?].contains(&metadata.uid());
            ensure!(
                own,
                "{} belongs to somebody else: remove it",
                home.display()
            );
            give_away(home)
        }
        Err(error) => Err(error).with_context(|| format!("cannot make {}", home.display())),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    run(unprivileged("cp").arg("-a").arg(from).arg(to))?;
    Ok(())
}

/// To the user that the server runs as.
fn give_away(directory: &Path) -> Result<()> {
    if user()? == 0 {
        chown(directory, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

fn user() -> Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

/// The program as a user that PostgreSQL accepts: oneself, or `nobody` in place of root.
fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = if user().is_ok_and(|user| user == 0) {
        let mut setpriv = Command::new("setpriv");
        setpriv.arg(format!("--reuid={NOBODY}"));
        setpriv.arg(format!("--regid={NOBODY}"));
        setpriv.arg("--clear-groups").arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| unstarted(command))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        said.trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn unstarted(command: &Command) -> String {
    format!("cannot run {:?}", command.get_program())
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("; ");
    format!("PostgreSQL does not start; its log ends: {last}")
}
