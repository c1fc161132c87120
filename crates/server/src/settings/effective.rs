//! The effective value of every setting, with the origin that won: file < environment < flags.

use std::collections::BTreeMap;

use super::fault::{Fault, Faults};
use super::kind::{Kind, Unfit, Value, unfit};
use super::nearest::nearest;
use super::raw::{Origin, Raw, Typed};
use super::setting::{Preset, Scope, Secrecy, Setting};
use super::sinks;
use super::table::{self, SETTINGS};

/// What holds for one setting.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    pub(crate) setting: &'static Setting,
    /// `None`: nothing was typed and the default is none, or follows from something else.
    pub(crate) value: Option<Value>,
    pub(crate) origin: Origin,
}

impl Effective {
    /// The value as TOML with its secrets hidden.
    pub(crate) fn shown(&self) -> Option<String> {
        let value = self.value.as_ref()?;
        Some(redact(self.setting.secrecy, value).to_string())
    }
}

/// Which kinds are selected, and with them which settings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) embedded: bool,
    pub(crate) event_hubs: bool,
    pub(crate) redis_claims: bool,
}

impl Selection {
    fn covers(self, scope: Scope) -> bool {
        match scope {
            Scope::Always => true,
            Scope::Embedded => self.embedded,
            Scope::EventHubs => self.event_hubs,
            Scope::RedisClaims => self.redis_claims,
        }
    }
}

/// Merges what was typed: a later one wins. Unknown keys are faults, also outside the selection.
pub(crate) fn merge(typed: Vec<Typed>, faults: &mut Faults) -> BTreeMap<&'static str, Typed> {
    let mut merged = BTreeMap::new();
    for typed in typed {
        match table::find(&typed.key) {
            Some(setting) => {
                merged.insert(setting.key, typed);
            }
            None => faults.push(unknown(&typed)),
        }
    }
    merged
}

fn unknown(typed: &Typed) -> Fault {
    let origin = Some(typed.origin.clone());
    if table::is_section(&typed.key) {
        let mend = format!("write a key below it, such as {}", first_below(&typed.key));
        return Fault::new(&typed.key, origin, "this is a section, not a key", mend);
    }
    let near = nearest(&typed.key, SETTINGS.iter().map(|setting| setting.key));
    let mend = near.map_or_else(String::new, |key| format!("did you mean {key}?"));
    Fault::new(&typed.key, origin, "unknown key", mend)
}

fn first_below(section: &str) -> &'static str {
    let below = SETTINGS
        .iter()
        .find(|setting| setting.key.starts_with(section));
    below.map_or("store.url", |setting| setting.key)
}

/// Reads every setting. What does not fit is a fault, and its default holds until it is mended.
pub(crate) fn read(
    merged: &BTreeMap<&'static str, Typed>,
    selection: Selection,
    faults: &mut Faults,
) -> Vec<Effective> {
    SETTINGS
        .iter()
        .map(|setting| {
            let typed = merged
                .get(setting.key)
                .filter(|_| selection.covers(setting.scope));
            typed
                .and_then(|typed| read_typed(setting, typed, faults))
                .unwrap_or_else(|| preset(setting))
        })
        .collect()
}

fn read_typed(setting: &'static Setting, typed: &Typed, faults: &mut Faults) -> Option<Effective> {
    let value = if setting.kind == Kind::Sinks {
        Ok(Value::Sinks(sinks::read(&typed.raw, &typed.origin, faults)))
    } else if setting.secrecy == Secrecy::Secret
        && !matches!(typed.raw, Raw::Text(_) | Raw::Unreadable(_))
    {
        // Not repeated: it is a secret.
        Err(unfit("the value does not fit", setting.kind.advice()))
    } else {
        setting.kind.read(&typed.raw)
    };
    match value {
        Ok(value) => Some(Effective {
            setting,
            value: Some(value),
            origin: typed.origin.clone(),
        }),
        Err(Unfit { problem, mend }) => {
            let origin = Some(typed.origin.clone());
            faults.push(Fault::new(setting.key, origin, problem, mend));
            None
        }
    }
}

fn preset(setting: &'static Setting) -> Effective {
    Effective {
        setting,
        value: preset_value(setting),
        origin: Origin::Default,
    }
}

/// The default of a setting, if it is fixed.
pub(crate) fn preset_value(setting: &Setting) -> Option<Value> {
    match setting.default {
        Preset::Text(_) if setting.kind == Kind::Sinks => Some(Value::Sinks(Vec::new())),
        Preset::Text(text) => setting.kind.read(&Raw::Text(text.to_owned())).ok(),
        Preset::Unset | Preset::Derived(_) => None,
    }
}

/// The value with what is secret hidden.
pub(crate) fn redact(secrecy: Secrecy, value: &Value) -> Value {
    match (secrecy, value) {
        (Secrecy::Secret, _) => Value::Text("[redacted]".to_owned()),
        (Secrecy::UrlPassword, Value::Text(url)) => Value::Text(without_password(url)),
        (Secrecy::UrlPath, Value::Text(url)) => Value::Text(only_host(url)),
        (_, Value::Sinks(sinks)) => Value::Sinks(sinks.iter().map(sinks::Sink::redacted).collect()),
        _ => value.clone(),
    }
}

/// A URL without its password and without its query, where some databases take one too.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    if scheme == "sqlite" {
        return url.to_owned();
    }
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?[redacted]"),
        None => (rest, ""),
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:[redacted]@{host}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

/// A URL's scheme and host alone.
fn only_host(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/[redacted]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_fits_its_kind() {
        for setting in SETTINGS {
            let effective = preset(setting);
            if matches!(setting.default, Preset::Text(_)) {
                assert!(effective.value.is_some(), "{}", setting.key);
            }
        }
    }

    #[test]
    fn passwords_do_not_show() {
        for (url, shown) in [
            ("sqlite://a/b.db", "sqlite://a/b.db"),
            ("postgres://u:p@h/db", "postgres://u:[redacted]@h/db"),
            (
                "postgres://u:p%40@h/db?password=x",
                "postgres://u:[redacted]@h/db?[redacted]",
            ),
            ("https://h/a?sig=x", "https://h/a?[redacted]"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn a_path_that_may_be_a_secret_does_not_show() {
        for url in [
            "https://h:8/services/T0/x",
            "https://u:p@h:8?sig=x",
            "https://h:8",
        ] {
            assert_eq!(only_host(url), "https://h:8/[redacted]");
        }
    }
}
