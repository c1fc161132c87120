//! A private Redis: Debian's program on a free loopback port, without persistence unless a test asks
//! for it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::keeper::Keeper;
use crate::port;
use crate::signal::{self, Signal};

const PROGRAM: &str = "/usr/bin/redis-server";
/// Ends the server whose directory is `$1`.
const STOP: &str = r#"kill -CONT $(cat "$1/pid"); kill -KILL $(cat "$1/pid")"#;

/// A running server of its own; dropped, it is stopped and removed.
#[derive(Debug)]
pub struct Redis {
    directory: PathBuf,
    port: u16,
    settings: Vec<String>,
    _keeper: Keeper,
}

impl Redis {
    /// # Errors
    /// If Debian's Redis is missing, or does not start.
    pub fn start() -> Result<Self> {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// With other arguments than those that leave everything in memory.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(arguments: &[&str]) -> Result<Self> {
        ensure!(
            fs::exists(PROGRAM)?,
            "Redis is missing: run `tests/run --install-only`, or install Debian's package \
             redis-server"
        );
        let directory = tempfile::Builder::new()
            .prefix("rollcall-redis-")
            .tempdir()
            .context("cannot make a directory for Redis")?
            .keep();
        let keeper = Keeper::start(Command::new("sh"), STOP, &directory)?;
        let mut server = Self {
            directory,
            port: 0,
            settings: arguments.iter().map(|it| (*it).to_owned()).collect(),
            _keeper: keeper,
        };
        server.start_on_a_free_port()?;
        Ok(server)
    }

    fn start_on_a_free_port(&mut self) -> Result<()> {
        let mut last = anyhow!("Redis was not started");
        for _ in 0..port::TRIES {
            self.port = port::free()?;
            match self.start_again() {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a command through redis-cli, and gives what it answers.
    ///
    /// # Errors
    /// If redis-cli fails, or Redis answers by an error.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("redis-cli")
            .args(["-e", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(arguments)
            .output()
            .context("cannot run redis-cli")?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(
            output.status.success(),
            "{arguments:?}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(text)
    }

    /// Kills it; what was not written to its directory is lost.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self) -> Result<()> {
        signal::end(&self.directory.join("pid"), Signal::Kill)
    }

    /// On the same port.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_again(&self) -> Result<()> {
        let path = |name: &str| self.directory.join(name).display().to_string();
        let started = Command::new(PROGRAM)
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--daemonize", "yes", "--pidfile", &path("pid")])
            .args(["--dir", &path(""), "--logfile", &path("log")])
            .args(&self.settings)
            .stdout(Stdio::null())
            .status()
            .context("cannot run redis-server")?;
        ensure!(started.success(), "Redis does not start: {started}");
        port::until_open(self.port, || signal::lives(&self.directory.join("pid")))
            .with_context(|| format!("Redis's log: {}", self.log()))
    }

    /// Lets it hang: connections stay open, and nothing is answered.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&self) -> Result<()> {
        signal::send(&self.directory.join("pid"), Signal::Stop)
    }

    /// # Errors
    /// If it does not run.
    pub fn resume(&self) -> Result<()> {
        signal::send(&self.directory.join("pid"), Signal::Continue)
    }

    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}
