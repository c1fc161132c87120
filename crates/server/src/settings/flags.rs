//! Flags: `--set section.key=value`, and the few flags that name a setting of their own.

use super::fault::{Fault, Faults};
use super::raw::{Origin, Raw, Typed};

/// A setting typed as a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlagValue {
    pub(crate) flag: &'static str,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Reads `section.key=value`; the value is as in the environment.
pub(crate) fn parse_set(typed: &str, faults: &mut Faults) -> Option<FlagValue> {
    match typed.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Some(FlagValue {
            flag: "--set",
            key: key.trim().to_owned(),
            value: value.to_owned(),
        }),
        _ => {
            faults.push(Fault::new(
                "--set",
                None,
                "the flag has no key and value",
                "write --set section.key=value",
            ));
            None
        }
    }
}

pub(crate) fn read(flags: Vec<FlagValue>) -> Vec<Typed> {
    flags
        .into_iter()
        .map(|FlagValue { flag, key, value }| Typed {
            key,
            raw: Raw::Text(value),
            origin: Origin::Flag { flag },
        })
        .collect()
}
