//! Talk: logs and the live line, both on standard error and never through each other.

use std::io::{IsTerminal, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::Environment;

/// What is logged without `RUST_LOG`. The client's own crates log errors that we handle.
const DEFAULT_FILTER: &str = "info,azure_core_amqp=off,azure_messaging_eventhubs=off,fe2o3_amqp=off,sqlx=warn,sea_orm=warn,\
     actix_server=warn";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Human,
    Json,
}

/// Standard error, shared by the logs and by lines that are rewritten in place.
#[derive(Clone)]
pub(crate) struct Talk {
    lines: MultiProgress,
    pub(crate) terminal: bool,
}

impl Talk {
    pub(crate) fn new(format: LogFormat) -> Self {
        let terminal = std::io::stderr().is_terminal() && format == LogFormat::Human;
        let target = match terminal {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        Self {
            lines: MultiProgress::with_draw_target(target),
            terminal,
        }
    }

    /// Adds a line that is rewritten in place; without a terminal it is hidden.
    pub(crate) fn add(&self, bar: indicatif::ProgressBar) -> indicatif::ProgressBar {
        self.lines.add(bar)
    }

    /// Says a sentence.
    pub(crate) fn say(&self, sentence: &str) {
        let mut writer = self.clone();
        // Nobody is left to tell if standard error is closed.
        drop(writeln!(writer, "{sentence}"));
    }
}

impl Write for Talk {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let write = || std::io::stderr().lock().write_all(buffer);
        match self.terminal {
            true => self.lines.suspend(write)?,
            false => write()?,
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

impl<'a> MakeWriter<'a> for Talk {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Starts the logs. A second start (of a test) changes nothing.
pub(crate) fn start(talk: &Talk, format: LogFormat, environment: &Environment) {
    let filter = environment
        .get("RUST_LOG")
        .filter(|filter| !filter.is_empty())
        .map_or_else(|| EnvFilter::new(DEFAULT_FILTER), EnvFilter::new);
    let no_color = environment
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(talk.clone())
        .with_ansi(talk.terminal && !no_color)
        .with_target(false);
    let started = match format {
        LogFormat::Human => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the logs were started already");
    }
}
