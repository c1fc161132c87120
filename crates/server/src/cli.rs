//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::settings::{Environment, FlagValue, Inputs};
use crate::telemetry::LogFormat;

/// Keeps the roll of data owners from a telemetry stream.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// TOML file with settings (otherwise `ROLLCALL_CONFIG`)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A setting, such as store.url=sqlite://roll.db; repeatable
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// How logs are written to standard error
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) log_format: LogFormat,
}

impl Global {
    /// Where the settings are typed for a command with these flags of its own.
    pub(crate) fn inputs(self, environment: Environment, flags: Vec<FlagValue>) -> Inputs {
        Inputs {
            config: self.config,
            environment,
            set: self.set,
            flags,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node; without settings: embedded hub and SQLite
    Run(commands::run::Arguments),
    /// Send NDJSON into the hub, one event a line
    Send(commands::send::Arguments),
    /// Simulate a fleet that sends into the hub
    Simulate(commands::simulate::Arguments),
    /// Run the embedded hub alone, or print its log
    Hub(commands::hub::Arguments),
    /// Bring the schema up or down, or show how it stands
    Migrate(commands::migrate::Arguments),
    /// Check, show and describe the settings
    Config(commands::config::Arguments),
    /// Show nodes, partitions and lag, shards, outbox, dead letters
    Status(commands::status::Arguments),
    /// Check the stored invariants and the surroundings
    Doctor(commands::doctor::Arguments),
    /// Show dead letters
    DeadLetters(commands::dead_letters::Arguments),
    /// Show owners
    Owners(commands::owners::Arguments),
    /// Make, list and revoke keys for programs that ask the API
    Keys(commands::keys::Arguments),
    /// Enter, list, change and delete users, who sign in to the console
    Users(commands::users::Arguments),
    /// Read a range of a partition once more and store what is missing
    Replay(commands::replay::Arguments),
    /// Show announcements, and have them sent again
    Events(commands::events::Arguments),
    /// Show why newcomers are entered as they are
    Demo(commands::demo::Arguments),
    /// Print a completion script
    Completions(commands::completions::Arguments),
    /// Print the manual page
    Man,
}
