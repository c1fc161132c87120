//! Keys of the API: make, list, revoke. A key's secret is in the answer that made it, and nowhere
//! afterwards.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use rollcall_store::{KeyRow, NewKey, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::edit::check_label;
use super::{Answer, ok, whole};
use crate::auth::Admin;
use crate::auth::secret::Secret;
use crate::body::Json;
use crate::params::Params;
use crate::path::KeyPath;
use crate::whole::Whole;
use crate::{Problem, State};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyBody {
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: String,
    role: Role,
    /// From now on; without it, the key counts until it is revoked.
    expires_in_seconds: Option<Whole<u32>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct MadeKey {
    #[serde(flatten)]
    key: KeyRow,
    /// To be shown as `Authorization: Bearer …`.
    secret: String,
}

pub(crate) async fn list(_: Admin, state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    whole(state.store.list_keys().await?)
}

pub(crate) async fn create(
    Admin(caller): Admin,
    state: Data<State>,
    body: Json<NewKeyBody>,
) -> Answer {
    let Json(body) = body;
    check_label("name", &body.name)?;
    let secret = Secret::of_key();
    let lifetime = body.expires_in_seconds.map(|whole| u64::from(whole.0));
    let key = state.store.create_key(NewKey {
        key_id: Uuid::now_v7(),
        name: body.name,
        role: body.role,
        secret_hash: secret.hash(),
        created_by: caller.name.clone(),
        lifetime: lifetime.map(Duration::from_secs),
    });
    let key = key.await?;
    caller.made(&key);
    let secret = secret.reveal().to_owned();
    Ok(HttpResponse::Created().json(MadeKey { key, secret }))
}

/// A revoked key stays in the list; revoking it again changes nothing.
pub(crate) async fn revoke(
    Admin(caller): Admin,
    state: Data<State>,
    path: KeyPath,
    request: HttpRequest,
) -> Answer {
    Params::of(&request, &[])?;
    let KeyPath(key_id) = path;
    let keys = state.store.list_keys().await?;
    let before = keys.into_iter().find(|key| key.key_id == key_id);
    let key = state.store.revoke_key(key_id).await?;
    let key = key.ok_or_else(|| Problem::not_found(format!("there is no key {key_id}")))?;
    caller.changed(&before, &key);
    ok(&key)
}
