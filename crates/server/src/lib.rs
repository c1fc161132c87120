//! The program `rollcall`, all but its `main`: settings, wiring, telemetry, commands.
//!
//! `cli` is what can be typed, `commands` has a file per command, `settings` turns files,
//! environment and flags into one `Config` per crate, `node` builds and drains what `rollcall run`
//! runs, `sending` and `fleet` put events into a hub. Data goes to standard output, talk to
//! standard error; exit codes are in `failure`.

mod cli;
mod commands;
mod failure;
mod fleet;
#[doc(hidden)]
pub mod fuzzing;
mod node;
mod output;
mod sending;
mod settings;
mod shutdown;
mod telemetry;
mod trial;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use commands::Context;
use settings::environment;
use telemetry::Talk;

/// Runs what the process's arguments ask for.
#[must_use]
pub fn main() -> ExitCode {
    // Fault points act as `FAILPOINTS` in the environment says, for as long as this lives.
    #[cfg(feature = "failpoints")]
    let _fault_points = fail::FailScenario::setup();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let environment = environment::of_process();
    let talk = Talk::new(cli.global.log_format);
    telemetry::start(&talk, cli.global.log_format, &environment);
    let context = Context {
        global: cli.global,
        environment,
        talk: talk.clone(),
    };
    match commands::dispatch(context, cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            talk.say(&format!("error: {failure}"));
            failure.exit_code()
        }
    }
}

/// Help and version are no errors; the rest is usage, exit code 2.
fn usage(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    // A closed pipe has nobody to tell.
    drop(error.print());
    ExitCode::from(code)
}
