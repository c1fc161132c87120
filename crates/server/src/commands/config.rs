//! `rollcall config`: check, show and describe the settings.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output;
use crate::settings::{Effective, docs, example, schema};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Find every fault of the settings; exit code 64 if there is one
    Check,
    /// Show the effective values and where each was set, secrets redacted
    Show {
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Print the JSON schema of the settings file
    Schema,
    /// Print a settings file with every key at its default
    Example,
    /// Print the README's table of settings, or renew it between its markers in a file
    #[command(hide = true)]
    Docs { file: Option<PathBuf> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Toml,
    Json,
}

pub(crate) fn config(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Check => {
            context.settings()?;
            context.talk.say("the settings have no fault");
            Ok(())
        }
        Action::Show { output } => show(&context.settings()?.effective, *output),
        Action::Schema => output::json(&schema::schema()),
        Action::Example => output::text(&example::toml()),
        Action::Docs { file: None } => output::text(&docs::markdown()),
        Action::Docs { file: Some(file) } => renew(file),
    }
}

fn renew(file: &Path) -> Result<(), Failure> {
    let reading = || format!("cannot read {}", file.display());
    let text = std::fs::read_to_string(file).with_context(reading)?;
    let renewed = docs::replace_table(&text).with_context(|| {
        format!(
            "{} has no {} and {}",
            file.display(),
            docs::BEGIN,
            docs::END
        )
    })?;
    std::fs::write(file, renewed).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}

fn show(effective: &[Effective], format: Format) -> Result<(), Failure> {
    match format {
        Format::Table => {
            let row = |effective: &Effective| {
                let value = effective
                    .shown()
                    .unwrap_or_else(|| effective.setting.default_text());
                vec![
                    effective.setting.key.to_owned(),
                    value,
                    effective.origin.to_string(),
                ]
            };
            output::text(&output::table(
                &["KEY", "VALUE", "SOURCE"],
                effective.iter().map(row),
            ))
        }
        Format::Toml => output::text(&as_toml(effective)),
        Format::Json => output::json(&effective.iter().map(as_json).collect::<Vec<_>>()),
    }
}

/// One line per key that has a value, its origin beside it.
fn as_toml(effective: &[Effective]) -> String {
    let mut text = String::new();
    for effective in effective {
        if let Some(value) = effective.shown() {
            let key = effective.setting.key;
            text.push_str(&format!("{key} = {value} # {}\n", effective.origin));
        }
    }
    text
}

fn as_json(effective: &Effective) -> Value {
    let parsed = effective.shown().and_then(|shown| {
        let table: toml::Table = format!("value = {shown}").parse().ok()?;
        serde_json::to_value(table.get("value")?).ok()
    });
    json!({
        "key": effective.setting.key,
        "value": parsed,
        "source": effective.origin.to_string(),
    })
}
