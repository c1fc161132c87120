//! The settings that this node goes by, each with where it was typed. What is secret comes hidden from
//! the settings themselves; to admins alone, since paths and hosts tell much too.

use actix_web::HttpRequest;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, whole};
use crate::State;
use crate::auth::Admin;
use crate::params::Params;

/// A setting as it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Setting")]
pub struct SettingRow {
    /// Such as `store.url`.
    pub key: String,
    /// As TOML; null, if there is none.
    pub value: Option<String>,
    /// Such as `default`, or a file or variable.
    pub source: String,
    /// What it is for.
    pub about: String,
}

pub(crate) async fn list(_: Admin, state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    whole(state.settings.to_vec())
}
