//! `rollcall owners`: the roll.

use clap::{Args, Subcommand};
use rollcall_model::{Owner, OwnerId, OwnerState, SubOwner};
use rollcall_store::{OwnerFilter, Store};
use serde_json::json;

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
    List {
        /// Part of the id or of the name
        #[arg(long, value_name = "TEXT")]
        q: Option<String>,
        /// Only those in this state: active, pending, blocked, deleted
        #[arg(long, value_name = "STATE")]
        state: Option<OwnerState>,
        /// How many
        #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// Where the page before ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Show one owner with its sub-owners
    Show {
        /// The owner's id
        id: String,
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
}

pub(crate) async fn owners(context: Context, arguments: Arguments) -> Result<(), Failure> {
    let (_, store) = reading::open(&context).await?;
    match arguments.action {
        Action::List {
            q,
            state,
            limit,
            cursor,
            output,
        } => {
            let filter = OwnerFilter { q, state };
            let listed = store.list_owners(&filter, limit, cursor.as_deref()).await;
            let page = listed.map_err(|error| reading::of_store(&error))?;
            match output {
                Format::Json => output::json(&page),
                Format::Table => {
                    output::text(&owner_table(&page.items))?;
                    reading::say_more(&context, page.next_cursor.as_deref());
                    Ok(())
                }
            }
        }
        Action::Show { id, output } => show(&store, &id, output).await,
    }
}

async fn show(store: &Store, id: &str, format: Format) -> Result<(), Failure> {
    let id =
        OwnerId::parse(id).map_err(|error| anyhow::anyhow!("{id:?} is no owner id: {error}"))?;
    let owner = store
        .owner(&id)
        .await
        .map_err(|error| reading::of_store(&error))?;
    let owner = owner.ok_or_else(|| anyhow::anyhow!("there is no owner {id}"))?;
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
