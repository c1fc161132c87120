//! The databases of a run, a new and empty one for each case and round.

use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;
use rollcall_store::Store;
use rollcall_test_servers::{Database, Postgres};
use tempfile::TempDir;

use crate::cases::Bench;

/// As in earnest, which the tests' servers are not by themselves.
const DURABLE: [(&str, &str); 3] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "128MB"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A database of its own; dropped, it is gone.
#[derive(Debug)]
pub(crate) enum Place<'b> {
    File(TempDir),
    Server(Database<'b>),
}

impl<'b> Place<'b> {
    pub(crate) fn new(bench: &'b Bench, kind: Kind) -> anyhow::Result<Self> {
        match kind {
            Kind::Sqlite => Ok(Self::File(TempDir::new_in(bench.dir.path())?)),
            Kind::Postgres => {
                let database = bench.postgres()?.new_database()?;
                // So that no case pays for what another one left to be written.
                database.psql("CHECKPOINT")?;
                Ok(Self::Server(database))
            }
        }
    }

    fn url(&self) -> String {
        match self {
            Self::File(dir) => format!("sqlite://{}/rollcall.sqlite", dir.path().display()),
            Self::Server(database) => database.url(),
        }
    }

    pub(crate) fn server(&self) -> anyhow::Result<&Database<'b>> {
        match self {
            Self::Server(database) => Ok(database),
            Self::File(_) => anyhow::bail!("SQLite has no server"),
        }
    }

    pub(crate) async fn open(&self, bench: &Bench) -> anyhow::Result<Store> {
        let config = rollcall_store::Config {
            writers: u32::try_from(bench.arguments.writers)?,
            ..rollcall_store::Config::new(self.url())
        };
        let opened = bench.io.spawn(Store::open(config)).await?;
        opened.with_context(|| format!("cannot open {}", self.url()))
    }
}

/// A setting of the server, of which the last one counts.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    name: String,
    value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} is not like shared_buffers=4GB"))?;
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Starts a server that loses nothing when the machine stops.
pub(crate) fn start_postgres(settings: &[Setting]) -> anyhow::Result<Postgres> {
    let asked = settings
        .iter()
        .map(|setting| (setting.name.as_str(), setting.value.as_str()));
    Postgres::start_with(&DURABLE.into_iter().chain(asked).collect::<Vec<_>>())
}
