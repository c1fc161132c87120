//! `rollcall users`: who signs in to the console.

use std::io::BufRead as _;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use rollcall_store::{NewUser, Role, UserChange, UserRow};
use rollcall_web::auth::password;
use serde_json::json;

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
    /// Enter a user; the password is the first line of standard input
    Create {
        #[arg(value_name = "NAME")]
        name: String,
        /// viewer reads, operator changes, admin also makes keys and users
        #[arg(long, value_name = "ROLE")]
        role: Role,
    },
    /// List users by name
    List {
        #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
        output: Format,
    },
    /// Give a user another password, the first line of standard input; it ends their sessions
    Password {
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Give a user another role; it ends their sessions
    Role {
        #[arg(value_name = "NAME")]
        name: String,
        #[arg(value_name = "ROLE")]
        role: Role,
    },
    /// Delete a user with all sessions
    Delete {
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(crate) async fn users(context: Context, arguments: Arguments) -> Result<(), Failure> {
    match arguments.action {
        Action::Create { name, role } => create(&context, name, role).await,
        Action::List { output } => list(&context, output).await,
        Action::Password { name } => {
            let change = UserChange {
                role: None,
                password_hash: Some(typed_password(&context)?),
            };
            let told = ("users password", "has another password");
            change_user(&context, told, name, change).await
        }
        Action::Role { name, role } => {
            let change = UserChange {
                role: Some(role),
                password_hash: None,
            };
            let done = format!("is {}", role.as_str());
            change_user(&context, ("users role", &done), name, change).await
        }
        Action::Delete { name } => delete(&context, name).await,
    }
}

async fn create(context: &Context, user_name: String, role: Role) -> Result<(), Failure> {
    let writing = writing::open(context).await?;
    let new = NewUser {
        user_name: user_name.clone(),
        role,
        password_hash: typed_password(context)?,
        created_by: writing::BY.to_owned(),
    };
    let user = writing.record(
        ("users create", &user_name),
        writing.store.create_user(new),
        |user| outcome(409, None, user.as_ref()),
    );
    let user = user.await?;
    if user.is_none() {
        let there = anyhow!(
            "there is a user {user_name:?} already; rollcall users password and role change one"
        );
        return Err(Failure::Failed(there));
    }
    let role = role.as_str();
    context
        .talk
        .say(&format!("{user_name:?} is {role} and may sign in"));
    Ok(())
}

/// Asks for it where somebody may be typing: echo is the terminal's affair, so a pipe is better.
fn typed_password(context: &Context) -> Result<String, Failure> {
    context.talk.say("the password, in one line:");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    password::hash(password).map_err(|problem| Failure::Failed(anyhow!(problem)))
}

async fn list(context: &Context, format: Format) -> Result<(), Failure> {
    let (_, store) = reading::open(context).await?;
    let users = store.list_users().await;
    let users = users.map_err(|error| reading::of_store(&error))?;
    match format {
        Format::Json => output::json(&json!({ "items": users })),
        Format::Table => output::text(&output::table(
            &["USER", "ROLE", "ENTERED", "BY"],
            users.iter().map(row),
        )),
    }
}

fn row(user: &UserRow) -> Vec<String> {
    vec![
        user.user_name.clone(),
        user.role.as_str().to_owned(),
        user.created_at.to_string(),
        user.created_by.clone(),
    ]
}

async fn change_user(
    context: &Context,
    (command, done): (&str, &str),
    user_name: String,
    change: UserChange,
) -> Result<(), Failure> {
    let writing = writing::open(context).await?;
    let users = writing.store.list_users().await;
    let users = users.map_err(|error| reading::of_store(&error))?;
    let before = users.iter().find(|user| user.user_name == user_name);
    let user = writing.record(
        (command, &user_name),
        writing.store.change_user(user_name.clone(), change),
        |after| outcome(404, before, after.as_ref()),
    );
    let user = user.await?;
    user.ok_or_else(|| nobody(&user_name))?;
    context.talk.say(&format!("{user_name:?} {done}"));
    Ok(())
}

async fn delete(context: &Context, user_name: String) -> Result<(), Failure> {
    let writing = writing::open(context).await?;
    let user = writing.record(
        ("users delete", &user_name),
        writing.store.delete_user(user_name.clone()),
        |before| outcome(404, before.as_ref(), None),
    );
    let user = user.await?;
    user.ok_or_else(|| nobody(&user_name))?;
    context.talk.say(&format!("{user_name:?} is deleted"));
    Ok(())
}

fn nobody(user_name: &str) -> Failure {
    Failure::Failed(anyhow!(
        "there is no user {user_name:?}; rollcall users list shows them"
    ))
}
