//! The commands, one file each. They write data to standard output and talk to standard error.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod doctor_azure;
pub(crate) mod events;
pub(crate) mod hub;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod node_api;
pub(crate) mod owners;
pub(crate) mod reading;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod send;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod users;
pub(crate) mod writing;

use crate::cli::{Command, Global};
use crate::failure::Failure;
use crate::settings::{self, Environment, Settings};
use crate::telemetry::Talk;

/// What every command is given.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) environment: Environment,
    pub(crate) talk: Talk,
}

impl Context {
    /// The settings for a command without flags of its own.
    ///
    /// # Errors
    /// Every fault at once.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let inputs = self
            .global
            .clone()
            .inputs(self.environment.clone(), Vec::new());
        Ok(settings::load(inputs)?)
    }
}

/// Runs a command to its end.
///
/// # Errors
/// Whatever the command could not do.
pub(crate) fn dispatch(context: Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(&context, &arguments),
        Command::Send(arguments) => on_runtime(send::send(context, arguments)),
        Command::Simulate(arguments) => on_runtime(simulate::simulate(context, arguments)),
        Command::Hub(arguments) => on_runtime(hub::hub(context, arguments)),
        Command::Migrate(arguments) => on_runtime(migrate::migrate(context, arguments)),
        Command::Config(arguments) => config::config(&context, &arguments),
        Command::Status(arguments) => on_runtime(status::status(context, arguments)),
        Command::Doctor(arguments) => on_runtime(doctor::doctor(context, arguments)),
        Command::DeadLetters(arguments) => {
            on_runtime(dead_letters::dead_letters(context, arguments))
        }
        Command::Owners(arguments) => on_runtime(owners::owners(context, arguments)),
        Command::Keys(arguments) => on_runtime(keys::keys(context, arguments)),
        Command::Users(arguments) => on_runtime(users::users(context, arguments)),
        Command::Replay(arguments) => on_runtime(replay::replay(context, arguments)),
        Command::Events(arguments) => on_runtime(events::events(context, arguments)),
        Command::Demo(arguments) => on_runtime(demo::demo(context, arguments)),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man => completions::man(),
    }
}

/// Runs a command on a runtime of its own. What still blocks in the end, such as a read of standard
/// input, is not waited for.
fn on_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(Box::pin(command));
    runtime.shutdown_background();
    done
}
