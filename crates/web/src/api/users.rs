//! Users, who sign in to the console: enter, list, change, delete. Passwords only come in.

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use rollcall_store::{NewUser, Role, UserChange, UserRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit::{check_label, conflict};
use super::{Answer, ok, whole};
use crate::auth::{Admin, password};
use crate::body::Json;
use crate::params::Params;
use crate::path::UserPath;
use crate::problem::FieldFault;
use crate::{Problem, State};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserBody {
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    user_name: String,
    role: Role,
    #[schemars(length(min = 12, max = 256))]
    password: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatchBody {
    role: Option<Role>,
    #[schemars(length(min = 12, max = 256))]
    password: Option<String>,
}

pub(crate) async fn list(_: Admin, state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    whole(state.store.list_users().await?)
}

pub(crate) async fn create(
    Admin(caller): Admin,
    state: Data<State>,
    body: Json<NewUserBody>,
) -> Answer {
    let Json(body) = body;
    check_label("user_name", &body.user_name)?;
    let password_hash = hashed(body.password).await?;
    let user = state.store.create_user(NewUser {
        user_name: body.user_name.clone(),
        role: body.role,
        password_hash,
        created_by: caller.name.clone(),
    });
    let user = user.await?.ok_or_else(|| {
        let name = body.user_name;
        conflict(format!("there is a user {name:?} already; change that one"))
    })?;
    caller.made(&user);
    Ok(HttpResponse::Created().json(user))
}

/// A user for the audit log, which never has a password.
#[derive(Serialize)]
struct ChangedUser<'u> {
    #[serde(flatten)]
    user: &'u UserRow,
    password_changed: bool,
}

/// Ends all sessions of the user.
pub(crate) async fn change(
    Admin(caller): Admin,
    state: Data<State>,
    path: UserPath,
    body: Json<UserPatchBody>,
) -> Answer {
    let (UserPath(user_name), Json(body)) = (path, body);
    let password_hash = match body.password {
        Some(password) => Some(hashed(password).await?),
        None => None,
    };
    let change = UserChange {
        role: body.role,
        password_hash,
    };
    let password_changed = change.password_hash.is_some();
    let users = state.store.list_users().await?;
    let before = users.into_iter().find(|user| user.user_name == user_name);
    let user = state.store.change_user(user_name.clone(), change).await?;
    let user = user.ok_or_else(|| no_user(&user_name))?;
    let after = ChangedUser {
        user: &user,
        password_changed,
    };
    caller.changed(&before, &after);
    ok(&user)
}

/// Ends all sessions of the user.
pub(crate) async fn delete(
    Admin(caller): Admin,
    state: Data<State>,
    path: UserPath,
    request: HttpRequest,
) -> Answer {
    Params::of(&request, &[])?;
    let UserPath(user_name) = path;
    let user = state.store.delete_user(user_name.clone()).await?;
    let user = user.ok_or_else(|| no_user(&user_name))?;
    caller.removed(&user);
    Ok(HttpResponse::NoContent().finish())
}

async fn hashed(password: String) -> Result<String, Problem> {
    let hashed = web::block(move || password::hash(&password)).await;
    let hashed = hashed.map_err(|_| Problem::unavailable("this node is too busy; try again"))?;
    hashed.map_err(|detail| {
        let field = "password".to_owned();
        Problem::unprocessable(vec![FieldFault { field, detail }])
    })
}

fn no_user(user_name: &str) -> Problem {
    Problem::not_found(format!("there is no user {user_name:?}"))
}
