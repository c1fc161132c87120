//! `rollcall dead-letters`: what could not be stored as a status, and why.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_model::DeadReason;
use rollcall_store::{DeadLetterFilter, DeadLetterRow, DeadLetterState};
use serde_json::{Value, json};

use super::node_api::NodeApi;
use super::{Context, reading};
use crate::failure::Failure;
use crate::output::{self, Format};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List dead letters by stream, partition and sequence number
    List {
        /// Only those in this state
        #[arg(long, value_enum, value_name = "STATE")]
        state: Option<State>,
        /// Only those of this reason, such as `not_json`
        #[arg(long, value_name = "REASON")]
        reason: Option<DeadReason>,
        /// How many
        #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Where the page before ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Show one dead letter with its body
    Show {
        /// As listed
        id: String,
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Have a running node store letters at their own places after all
    Replay {
        /// As listed
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// A file with the mended body of the one letter
        #[arg(long, value_name = "FILE")]
        body: Option<PathBuf>,
    },
    /// Have a running node put letters aside for good; they stay listed as discarded
    Discard {
        /// As listed
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Open,
    Replayed,
    Discarded,
}

impl From<State> for DeadLetterState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Replayed => Self::Replayed,
            State::Discarded => Self::Discarded,
        }
    }
}

pub(crate) async fn dead_letters(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let asked = match &arguments.action {
        Action::Replay { ids, body } => Some(replay(&context, ids, body.as_deref()).await),
        Action::Discard { ids } => Some(each(&context, ids, "discard", None).await),
        Action::List { .. } | Action::Show { .. } => None,
    };
    if let Some(done) = asked {
        return done;
    }
    let (_, store) = reading::open(&context).await?;
    match arguments.action {
        Action::Replay { .. } | Action::Discard { .. } => Ok(()),
        Action::List {
            state,
            reason,
            limit,
            cursor,
            output,
        } => {
            let listed = store.list_dead_letters(
                DeadLetterFilter {
                    state: state.map(Into::into),
                    reason,
                    partition_id: None,
                },
                limit,
                cursor.as_deref(),
            );
            let page = listed.await.map_err(|error| reading::of_store(&error))?;
            let items = page.items.iter();
            match output {
                Format::Json => output::json(&json!({
                    "items": items.map(as_json).collect::<Vec<_>>(),
                    "next_cursor": page.next_cursor,
                })),
                Format::Table => {
                    output::text(&table(&page.items))?;
                    reading::say_more(&context, page.next_cursor.as_deref());
                    Ok(())
                }
            }
        }
        Action::Show { id, output } => {
            let found = store.dead_letter(&id).await;
            let found = found.map_err(|error| reading::of_store(&error))?;
            let row = found.ok_or_else(|| anyhow::anyhow!("there is no dead letter {id}"))?;
            match output {
                Format::Json => output::json(&as_json(&row)),
                Format::Table => output::text(&shown(&row)),
            }
        }
    }
}

fn table(rows: &[DeadLetterRow]) -> String {
    let row = |row: &DeadLetterRow| {
        vec![
            row.id.clone(),
            row.partition_id.to_string(),
            row.sequence_number.to_string(),
            row.enqueued_at.to_string(),
            row.reason.to_string(),
            name(row.state).to_owned(),
            row.detail.clone(),
        ]
    };
    let head = [
        "ID",
        "PARTITION",
        "SEQUENCE NUMBER",
        "ENQUEUED AT",
        "REASON",
        "STATE",
        "DETAIL",
    ];
    output::table(&head, rows.iter().map(row))
}

fn name(state: DeadLetterState) -> &'static str {
    match state {
        DeadLetterState::Open => "open",
        DeadLetterState::Replayed => "replayed",
        DeadLetterState::Discarded => "discarded",
    }
}

fn shown(row: &DeadLetterRow) -> String {
    let body = match std::str::from_utf8(&row.body) {
        Ok(text) => text.to_owned(),
        Err(_) => format!(
            "{} bytes, in Base64: {}",
            row.body.len(),
            STANDARD.encode(&row.body)
        ),
    };
    format!(
        "id               {}\npartition        {}\nsequence number  {}\nenqueued at      {}\n\
         reason           {}: {}\nstate            {}\n\n{body}\n",
        row.id,
        row.partition_id,
        row.sequence_number,
        row.enqueued_at,
        row.reason,
        row.detail,
        name(row.state),
    )
}

/// The row with its body, as text where it is UTF-8 and in Base64 always.
fn as_json(row: &DeadLetterRow) -> Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    value["body"] = json!(std::str::from_utf8(&row.body).ok());
    value["body_base64"] = json!(STANDARD.encode(&row.body));
    value
}

async fn replay(context: &Context, ids: &[String], body: Option<&Path>) -> Result<(), Failure> {
    let mended = match body {
        Some(_) if ids.len() > 1 => {
            return Err(Failure::Failed(anyhow!(
                "--body mends one letter: name one id"
            )));
        }
        Some(path) => Some(json!({ "body_base64": STANDARD.encode(std::fs::read(path)?) })),
        None => None,
    };
    each(context, ids, "replay", mended.as_ref()).await
}

/// Each letter by itself: one that is refused does not keep the others.
async fn each(
    context: &Context,
    ids: &[String],
    wish: &str,
    body: Option<&Value>,
) -> Result<(), Failure> {
    let node = NodeApi::find(context).await?;
    let mut refused = 0;
    for id in ids {
        let segment = utf8_percent_encode(id, NON_ALPHANUMERIC);
        match node
            .post(&format!("dead-letters/{segment}/{wish}"), body)
            .await
        {
            Ok(letter) => output::text(&format!("{id} is {}\n", text(&letter["state"])))?,
            Err(Failure::Failed(error)) => {
                refused += 1;
                context.talk.say(&format!("{id}: {error}"));
            }
            Err(other) => return Err(other),
        }
    }
    match refused {
        0 => Ok(()),
        refused => Err(Failure::Failed(anyhow!(
            "{refused} of {} were left as they are",
            ids.len()
        ))),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("done")
}
