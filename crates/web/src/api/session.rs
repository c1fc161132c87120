//! Signing in to the console: a password for a session, which is a cookie.
//!
//! These routes stand before the guard, since whoever comes here has no credential yet.

use std::time::Duration;

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use rollcall_store::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::auth::secret::Secret;
use crate::auth::{Gate, credential, password};
use crate::body::Json;
use crate::config::Auth;
use crate::params::Params;
use crate::{Problem, State};

/// A working day: then the password is asked for again.
const LIFETIME: Duration = Duration::from_secs(12 * 3_600);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    user_name: String,
    password: String,
}

/// Who asks, and whether one has to say so.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Session {
    caller: String,
    role: Role,
    /// `on` or `off`.
    auth: Auth,
}

pub(crate) async fn read(gate: Data<Gate>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    let principal = gate.admit(&request).await?;
    super::ok(&Session {
        caller: principal.name,
        role: principal.role,
        auth: gate.auth(),
    })
}

/// A name that is not there and a password that is wrong get the same answer after the same time.
pub(crate) async fn open(
    state: Data<State>,
    gate: Data<Gate>,
    request: HttpRequest,
    body: Json<SignIn>,
) -> Answer {
    gate.may_sign_in(&request)?;
    let Json(SignIn {
        user_name,
        password,
    }) = body;
    let hash = state.store.password_hash(user_name.clone()).await?;
    let turn = gate.comparisons.acquire().await;
    let compared = hash.clone();
    let right = web::block(move || password::is_right(&password, compared.as_deref())).await;
    drop(turn);
    let wrong = || {
        tracing::warn!(user_name, "somebody did not get in as {user_name:?}");
        Problem::unauthorized("the name or the password is wrong")
    };
    let (Ok(true), Some(hash)) = (right, hash) else {
        return Err(wrong());
    };
    let secret = Secret::of_session();
    let store = &state.store;
    let opened = store.open_session(user_name.clone(), hash, secret.hash(), LIFETIME);
    let user = opened.await?.ok_or_else(wrong)?;
    tracing::info!(user_name, "{user_name:?} has signed in");
    Ok(HttpResponse::Ok()
        .cookie(credential::cookie(&request, Some(&secret)))
        .json(Session {
            caller: format!("user:{}", user.user_name),
            role: user.role,
            auth: gate.auth(),
        }))
}

/// Ends the session that the request shows, if any.
pub(crate) async fn close(state: Data<State>, gate: Data<Gate>, request: HttpRequest) -> Answer {
    gate.may_ask_unknown(&request)?;
    if let Some(secret) = credential::session(&request) {
        state.store.close_session(secret.hash()).await?;
    }
    Ok(HttpResponse::NoContent()
        .cookie(credential::cookie(&request, None))
        .finish())
}
