//! A private RabbitMQ that speaks AMQP 1.0: Debian's program with its plugin, own node and ports.
//!
//! Erlang's port mapper is the server's own too, on loopback; it would otherwise be started for the
//! whole machine, and outlive the test. RabbitMQ takes some seconds of a core to start, so that a test
//! with one does several things.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::keeper::Keeper;
use crate::port;
use crate::signal::{self, Signal};

const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Ends the server and the port mapper whose directory is `$1`.
const STOP: &str =
    r#"for it in pid epmd.pid; do kill -CONT $(cat "$1/$it"); kill -KILL $(cat "$1/$it"); done"#;

/// A running broker of its own; dropped, it is stopped and removed.
#[derive(Debug)]
pub struct RabbitMq {
    directory: PathBuf,
    port: u16,
    distribution: u16,
    mapper: u16,
    _keeper: Keeper,
}

impl RabbitMq {
    /// # Errors
    /// If Debian's RabbitMQ is missing, or does not start.
    pub fn start() -> Result<Self> {
        ensure!(
            fs::exists(PROGRAM)?,
            "RabbitMQ is missing: run `tests/run --install-only`, or install Debian's package \
             rabbitmq-server"
        );
        let directory = tempfile::Builder::new()
            .prefix("rollcall-rabbitmq-")
            .tempdir()
            .context("cannot make a directory for RabbitMQ")?
            .keep();
        let keeper = Keeper::start(Command::new("sh"), STOP, &directory)?;
        let mut server = Self {
            directory,
            port: 0,
            distribution: 0,
            mapper: 0,
            _keeper: keeper,
        };
        server.start_on_free_ports()?;
        Ok(server)
    }

    fn start_on_free_ports(&mut self) -> Result<()> {
        let mut last = anyhow!("RabbitMQ was not started");
        for _ in 0..port::TRIES {
            (self.port, self.distribution) = (port::free()?, port::free()?);
            if self.mapper == 0 {
                self.mapper = port::free()?;
            }
            match self.prepare().and_then(|()| self.start_again()) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// With the user that every RabbitMQ has.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it; messages that it confirmed are on the disk.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self) -> Result<()> {
        signal::end(&self.file("pid"), Signal::Kill)
    }

    /// On the same port, with the same queues.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_again(&self) -> Result<()> {
        if !signal::lives(&self.file("epmd.pid")) {
            self.start_mapper()?;
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.file("out"))?;
        let mut command = Command::new(PROGRAM);
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        let server = command
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run rabbitmq-server")?;
        fs::write(self.file("pid"), server.id().to_string())?;
        port::until_open(self.port, || signal::lives(&self.file("pid"))).with_context(|| {
            let log = fs::read_to_string(self.file("out")).unwrap_or_default();
            format!("RabbitMQ says: {log}")
        })
    }

    /// Lets it hang: connections stay open, and nothing is answered.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&self) -> Result<()> {
        signal::send(&self.file("pid"), Signal::Stop)
    }

    /// # Errors
    /// If it does not run.
    pub fn resume(&self) -> Result<()> {
        signal::send(&self.file("pid"), Signal::Continue)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn prepare(&self) -> Result<()> {
        fs::write(self.file("enabled_plugins"), "[rabbitmq_amqp1_0].\n")?;
        let config = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nloopback_users = none\nlog.console = false\n",
            self.port
        );
        Ok(fs::write(self.file("rabbitmq.conf"), config)?)
    }

    fn start_mapper(&self) -> Result<()> {
        let mapper = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &self.mapper.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run epmd")?;
        fs::write(self.file("epmd.pid"), mapper.id().to_string())?;
        port::until_open(self.mapper, || signal::lives(&self.file("epmd.pid")))
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.display().to_string();
        let file = |name: &str| path(&self.file(name));
        vec![
            ("HOME", path(&self.directory)),
            (
                "RABBITMQ_NODENAME",
                format!("rollcall-{}@localhost", self.port),
            ),
            ("RABBITMQ_DIST_PORT", self.distribution.to_string()),
            ("ERL_EPMD_PORT", self.mapper.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_MNESIA_BASE", file("mnesia")),
            ("RABBITMQ_LOG_BASE", file("log")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
            ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
            // Its script then becomes the server, instead of standing between it and signals.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
            // Debian's own settings are not ours.
            ("RABBITMQ_CONF_ENV_FILE", file("none")),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
            ),
        ]
    }
}
