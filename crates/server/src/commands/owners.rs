//! `rollcall owners`: the roll.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_model::{Owner, OwnerId, OwnerState, SubOwner};
use rollcall_store::{OwnerFilter, OwnerSort};
use serde_json::{Value, json};

use super::node_api::NodeApi;
use super::{Context, reading};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Sub-owners that `show` lists.
const SHOWN_SUB_OWNERS: u32 = 200;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List owners by id
    List(Listing),
    /// Show one owner with its sub-owners
    Show {
        /// The owner's id
        id: String,
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Have a running node make pending owners active; what is held of them is stored
    Approve(Decided),
    /// Have a running node drop what owners send; what is held of them is dropped
    Block(Decided),
    /// Have a running node make blocked or deleted owners active again
    Restore(Decided),
    /// Have the nodes give stored statuses the values of the owner's present settings, in the
    /// background
    Recalibrate(Recalibrated),
    /// Have a running node create the owners of a file, one JSON object a line:
    /// `{"owner_id": "1", "display_name": "Plant", "settings": {"gain": 2}}`
    Import {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Listing {
    /// Part of the id or of the name
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// Only those in this state: active, pending, blocked, deleted
    #[arg(long, value_name = "STATE")]
    state: Option<OwnerState>,
    /// By `owner_id` or `created_at`, behind `-` where it falls
    #[arg(
        long,
        default_value = "owner_id",
        allow_hyphen_values = true,
        value_name = "COLUMN"
    )]
    sort: OwnerSort,
    /// How many
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Where the page before ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: Format,
}

#[derive(Debug, Args)]
struct Decided {
    /// Ids of owners
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

#[derive(Debug, Args)]
struct Recalibrated {
    /// The owner's id
    id: String,
    /// Only this sub-owner's statuses
    #[arg(long, value_name = "ID")]
    sub_owner: Option<String>,
    /// From this status time on, RFC 3339; otherwise from the first one
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this status time; otherwise up to now
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only count them
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn owners(context: Context, arguments: Arguments) -> Result<(), Failure> {
    match arguments.action {
        Action::Approve(decided) => decide(&context, decided, "approve").await,
        Action::Block(decided) => decide(&context, decided, "block").await,
        Action::Restore(decided) => decide(&context, decided, "restore").await,
        Action::Recalibrate(wish) => recalibrate(&context, wish).await,
        Action::Import { file } => import(&context, &file).await,
        Action::List(listing) => list(&context, listing).await,
        Action::Show { id, output } => show(&context, &id, output).await,
    }
}

async fn decide(context: &Context, decided: Decided, decision: &str) -> Result<(), Failure> {
    let ids = decided.ids.iter().map(|id| parse_id(id));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let node = NodeApi::find(context).await?;
    for id in ids {
        let path = utf8_percent_encode(id.as_str(), NON_ALPHANUMERIC);
        let owner = node
            .post(&format!("owners/{path}/{decision}"), None)
            .await?;
        let state = owner["state"].as_str().unwrap_or_default();
        output::text(&format!("{id} is {state}\n"))?;
    }
    Ok(())
}

/// Whoever goes on with it, the job is in the database: the command does not wait for its end.
async fn recalibrate(context: &Context, wish: Recalibrated) -> Result<(), Failure> {
    let id = parse_id(&wish.id)?;
    let path = utf8_percent_encode(id.as_str(), NON_ALPHANUMERIC);
    let body = json!({
        "sub_owner_id": wish.sub_owner,
        "from": wish.from,
        "to": wish.to,
        "dry_run": wish.dry_run,
    });
    let node = NodeApi::find(context).await?;
    let answer = node
        .post(&format!("owners/{path}/recalibrations"), Some(&body))
        .await?;
    let statuses = &answer["statuses"];
    match answer["job_id"].as_str() {
        Some(job) => output::text(&format!(
            "recalibration {job} of {statuses} statuses runs\n"
        )),
        None => output::text(&format!("{statuses} statuses would be recalibrated\n")),
    }
}

/// Owners that exist stay as they are, so that an import that failed half-way is run again.
async fn import(context: &Context, file: &Path) -> Result<(), Failure> {
    let place = |line: usize| format!("{} line {line}", file.display());
    let text = std::fs::read_to_string(file)
        .map_err(|error| anyhow!("cannot read {}: {error}", file.display()))?;
    let lines = (1..).zip(text.lines());
    let mut owners = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let owner: Value = serde_json::from_str(line)
            .map_err(|error| anyhow!("{} is no JSON: {error}", place(number)))?;
        owners.push((number, owner));
    }
    let node = NodeApi::find(context).await?;
    for (number, owner) in &owners {
        let entered = node.post("owners", Some(owner)).await;
        entered.map_err(|failure| match failure {
            Failure::Failed(error) => Failure::Failed(error.context(place(*number))),
            other => other,
        })?;
    }
    output::text(&format!("{} owners are on the roll\n", owners.len()))
}

fn parse_id(text: &str) -> Result<OwnerId, Failure> {
    let parsed = OwnerId::parse(text);
    Ok(parsed.map_err(|error| anyhow!("{text:?} is no owner id: {error}"))?)
}

async fn list(context: &Context, listing: Listing) -> Result<(), Failure> {
    let (_, store) = reading::open(context).await?;
    let filter = OwnerFilter {
        q: listing.q,
        state: listing.state,
        sort: listing.sort,
    };
    let listed = store.list_owners(&filter, listing.limit, listing.cursor.as_deref());
    let page = listed.await.map_err(|error| reading::of_store(&error))?;
    match listing.output {
        Format::Json => output::json(&page),
        Format::Table => {
            output::text(&owner_table(&page.items))?;
            reading::say_more(context, page.next_cursor.as_deref());
            Ok(())
        }
    }
}

async fn show(context: &Context, id: &str, format: Format) -> Result<(), Failure> {
    let id = parse_id(id)?;
    let (_, store) = reading::open(context).await?;
    let owner = store
        .owner(&id)
        .await
        .map_err(|error| reading::of_store(&error))?;
    let owner = owner.ok_or_else(|| anyhow!("there is no owner {id}"))?;
    let listed = store.list_sub_owners(&id, SHOWN_SUB_OWNERS, None).await;
    let page = listed.map_err(|error| reading::of_store(&error))?;
    match format {
        Format::Json => output::json(&json!({
            "owner": owner,
            "sub_owners": page.items,
            "more_sub_owners": page.next_cursor.is_some(),
        })),
        Format::Table => {
            output::text(&owner_table(std::slice::from_ref(&owner)))?;
            output::text(&format!("\n{}", sub_owner_table(&page.items)))
        }
    }
}

fn owner_table(owners: &[Owner]) -> String {
    let row = |owner: &Owner| {
        vec![
            owner.owner_id.to_string(),
            owner.state.to_string(),
            output::or_dash(owner.display_name.as_ref()),
            owner.version.to_string(),
            owner.created_at.to_string(),
            owner.created_by.to_string(),
        ]
    };
    let head = ["OWNER", "STATE", "NAME", "VERSION", "CREATED AT", "BY"];
    output::table(&head, owners.iter().map(row))
}

fn sub_owner_table(sub_owners: &[SubOwner]) -> String {
    let row = |sub_owner: &SubOwner| {
        vec![
            sub_owner.sub_owner_id.to_string(),
            sub_owner.state.to_string(),
            output::or_dash(sub_owner.display_name.as_ref()),
            sub_owner.created_at.to_string(),
            sub_owner.created_by.to_string(),
        ]
    };
    let head = ["SUB-OWNER", "STATE", "NAME", "CREATED AT", "BY"];
    output::table(&head, sub_owners.iter().map(row))
}
