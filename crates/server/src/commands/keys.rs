//! `rollcall keys`: who may ask the API without a password.

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use rollcall_store::{KeyRow, NewKey, Role};
use rollcall_web::Secret;
use serde_json::json;
use uuid::Uuid;

use super::writing::outcome;
use super::{Context, reading, writing};
use crate::failure::Failure;
use crate::output::{self, Format};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and print it: it is shown this once
    Create {
        /// What it is for
        #[arg(value_name = "NAME")]
        name: String,
        /// viewer reads, operator changes, admin also makes keys and users
        #[arg(long, value_name = "ROLE")]
        role: Role,
        /// After which it counts no more, such as 720h; otherwise it counts until it is revoked
        #[arg(long, value_name = "DURATION", value_parser = super::simulate::duration)]
        expires_in: Option<Duration>,
    },
    /// List keys, newest first
    List {
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Revoke a key: after two seconds at most it opens nothing any more
    Revoke {
        #[arg(value_name = "ID")]
        id: Uuid,
    },
}

pub(crate) async fn keys(context: Context, arguments: Arguments) -> Result<(), Failure> {
    match arguments.action {
        Action::Create {
            name,
            role,
            expires_in,
        } => create(&context, name, role, expires_in).await,
        Action::List { output } => list(&context, output).await,
        Action::Revoke { id } => revoke(&context, id).await,
    }
}

async fn create(
    context: &Context,
    name: String,
    role: Role,
    lifetime: Option<Duration>,
) -> Result<(), Failure> {
    let writing = writing::open(context).await?;
    let secret = Secret::of_key();
    let new = NewKey {
        key_id: Uuid::now_v7(),
        name: name.clone(),
        role,
        secret_hash: secret.hash(),
        created_by: writing::BY.to_owned(),
        lifetime,
    };
    let key = writing.record(
        ("keys create", &name),
        writing.store.create_key(new),
        |key| outcome(500, None, Some(key)),
    );
    let key = key.await?;
    context.talk.say(&format!(
        "key {} ({}, {}) is made; it is shown this once:",
        key.key_id,
        key.name,
        key.role.as_str()
    ));
    output::text(&format!("{}\n", secret.reveal()))
}

async fn list(context: &Context, format: Format) -> Result<(), Failure> {
    let (_, store) = reading::open(context).await?;
    let keys = store.list_keys().await;
    let keys = keys.map_err(|error| reading::of_store(&error))?;
    match format {
        Format::Json => output::json(&json!({ "items": keys })),
        Format::Table => output::text(&output::table(
            &["KEY", "NAME", "ROLE", "MADE", "BY", "EXPIRES", "REVOKED"],
            keys.iter().map(row),
        )),
    }
}

fn row(key: &KeyRow) -> Vec<String> {
    let time = |time: Option<rollcall_model::Timestamp>| {
        time.map_or_else(String::new, |time| time.to_string())
    };
    vec![
        key.key_id.to_string(),
        key.name.clone(),
        key.role.as_str().to_owned(),
        key.created_at.to_string(),
        key.created_by.clone(),
        time(key.expires_at),
        time(key.revoked_at),
    ]
}

async fn revoke(context: &Context, key_id: Uuid) -> Result<(), Failure> {
    let writing = writing::open(context).await?;
    let keys = writing.store.list_keys().await;
    let keys = keys.map_err(|error| reading::of_store(&error))?;
    let before = keys.iter().find(|key| key.key_id == key_id);
    let target = key_id.to_string();
    let key = writing.record(
        ("keys revoke", &target),
        writing.store.revoke_key(key_id),
        |after| outcome(404, before, after.as_ref()),
    );
    let key = key.await?.ok_or_else(|| {
        Failure::Failed(anyhow!(
            "there is no key {key_id}; rollcall keys list shows them"
        ))
    })?;
    let (name, id) = (key.name, key.key_id);
    context.talk.say(&format!("key {id} ({name}) is revoked"));
    Ok(())
}
