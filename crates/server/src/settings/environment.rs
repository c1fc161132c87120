//! The environment: `ROLLCALL_STORE__URL` is `store.url`, and a secret may lie in the file that
//! `ROLLCALL_STORE__URL_FILE` names. A `ROLLCALL_…` name without two underscores is no setting.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Faults};
use super::raw::{Origin, Raw, Typed};
use super::table;

/// The environment as it was at start: a parameter, so that tests bring their own.
pub(crate) type Environment = BTreeMap<String, String>;

/// Names the settings file where `--config` does not.
pub(crate) const CONFIG_FILE: &str = "ROLLCALL_CONFIG";
/// The key that commands show to a node that demands one.
pub(crate) const API_KEY: &str = "ROLLCALL_API_KEY";
const PREFIX: &str = "ROLLCALL_";
const SECRET_FILE: &str = "_file";

/// The process's own environment; what is no Unicode cannot be a setting.
pub(crate) fn of_process() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The file that `ROLLCALL_CONFIG` names.
pub(crate) fn config_file(environment: &Environment) -> Option<PathBuf> {
    let path = environment.get(CONFIG_FILE)?;
    (!path.is_empty()).then(|| PathBuf::from(path))
}

pub(crate) fn api_key(environment: &Environment) -> Option<&str> {
    let key = environment.get(API_KEY)?;
    (!key.is_empty()).then_some(key)
}

/// The variables of Azure's own, which mean here what they mean everywhere.
pub(crate) fn azure(environment: &Environment) -> rollcall_azure::Variables {
    rollcall_azure::Variables::read(|name| environment.get(name).map(String::as_str))
}

pub(crate) fn read(environment: &Environment, faults: &mut Faults) -> Vec<Typed> {
    let mut typed = Vec::new();
    for (name, value) in environment {
        let Some(key) = key_of(name) else { continue };
        match secret_file_of(&key) {
            Some(secret) => typed.push(read_secret(secret, name, value)),
            None => typed.push(Typed {
                key,
                raw: Raw::Text(value.clone()),
                origin: Origin::Environment { name: name.clone() },
            }),
        }
    }
    refuse_doubles(&typed, faults);
    typed
}

fn key_of(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    rest.contains("__")
        .then(|| rest.replace("__", ".").to_lowercase())
}

/// The secret that a `…_file` key stands for; a known key that ends so is itself.
fn secret_file_of(key: &str) -> Option<&str> {
    let secret = key.strip_suffix(SECRET_FILE)?;
    let setting = table::find(secret)?;
    (table::find(key).is_none() && setting.takes_secret_file()).then_some(secret)
}

/// A file that cannot be read is a fault only if the setting counts at all.
fn read_secret(key: &str, name: &str, path: &str) -> Typed {
    let raw = match std::fs::read_to_string(Path::new(path)) {
        Ok(text) => Raw::Text(text.trim_end_matches(['\n', '\r']).to_owned()),
        Err(error) => Raw::Unreadable(error.to_string()),
    };
    Typed {
        key: key.to_owned(),
        raw,
        origin: Origin::SecretFile {
            name: name.to_owned(),
            path: PathBuf::from(path),
        },
    }
}

fn refuse_doubles(typed: &[Typed], faults: &mut Faults) {
    for file in typed {
        let Origin::SecretFile { name, .. } = &file.origin else {
            continue;
        };
        let double = typed
            .iter()
            .any(|other| other.key == file.key && other.origin != file.origin);
        if double {
            let plain = name.trim_end_matches("_FILE");
            faults.push(Fault::new(
                &file.key,
                Some(file.origin.clone()),
                format!("{plain} and {name} are both set"),
                "leave one of them away",
            ));
        }
    }
}
