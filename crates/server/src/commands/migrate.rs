//! `rollcall migrate`: the schema up, down, or how it stands.

use clap::{Args, Subcommand};
use rollcall_store::{MigrationRow, Store};

use super::Context;
use crate::failure::Failure;
use crate::node::data_dir::DataDir;
use crate::node::failures::of_store;
use crate::output;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring the schema up to date
    Up,
    /// Take migrations back: what is in their tables is lost
    Down {
        /// How many
        #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
    },
    /// Show which migrations the database has
    Status,
}

pub(crate) async fn migrate(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let settings = context.settings()?;
    match arguments.action {
        Action::Up => {
            let _lock = DataDir::lock(&settings)?;
            let config = rollcall_store::Config {
                migrate: true,
                ..settings.store.clone()
            };
            Store::open(config)
                .await
                .map_err(|error| of_store(&error))?;
            context.talk.say("the schema is up to date");
            show(&settings).await
        }
        Action::Down { steps } => {
            let _lock = DataDir::lock(&settings)?;
            let done = Store::migrate_down(settings.store.clone(), steps).await;
            done.map_err(|error| of_store(&error))?;
            context.talk.say(&format!("migrations taken back: {steps}"));
            show(&settings).await
        }
        Action::Status => show(&settings).await,
    }
}

async fn show(settings: &Settings) -> Result<(), Failure> {
    if settings.database_file().is_some_and(|file| !file.exists()) {
        let mend = "rollcall run and rollcall migrate up create it";
        return Err(Failure::unavailable("there is no database yet", mend));
    }
    let rows = Store::migrations(settings.store.clone()).await;
    let rows = rows.map_err(|error| of_store(&error))?;
    let row = |row: &MigrationRow| {
        let applied = if row.applied { "yes" } else { "no" };
        vec![row.name.clone(), applied.to_owned()]
    };
    output::text(&output::table(
        &["MIGRATION", "APPLIED"],
        rows.iter().map(row),
    ))
}
