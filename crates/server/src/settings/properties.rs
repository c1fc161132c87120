//! Whatever is typed, it is settings or a refusal that says what is wrong, and no secret is shown.

use proptest::prelude::*;

use super::setting::{Scope, Secrecy, Setting};
use super::table::SETTINGS;
use super::*;

fn quoted(text: String) -> String {
    toml::Value::String(text).to_string()
}

/// What is TOML, and what is none.
fn value() -> impl Strategy<Value = String> {
    let odd = [
        "true",
        "-1",
        "1e300",
        "nan",
        "''",
        "'10s'",
        "'1GiB'",
        "9223372036854775807",
        "[]",
        "{}",
        "[[]]",
        "1979-05-27",
    ];
    prop_oneof![
        prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        any::<String>(),
        any::<String>().prop_map(quoted),
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SETTINGS).prop_map(|setting| setting.key)
}

/// What people see of it: the rows of the settings, or the refusal.
fn shown(loaded: Result<Settings, Faults>) -> String {
    match loaded {
        Ok(settings) => format!("{:?}", settings.rows()),
        Err(faults) => faults.to_string(),
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), set in any::<String>()) {
        drop(load_text(&text, &[]));
        drop(load_text("", &[set]));
    }

    #[test]
    fn what_was_typed_counts_or_is_refused(
        typed in prop::collection::vec((key(), value()), 0..3),
        (key, value) in (key(), value()),
    ) {
        let lines = typed.iter().map(|(key, value)| format!("{key} = {value}\n"));
        let loaded = load_text(&lines.collect::<String>(), &[format!("{key}={value}")]);
        // What belongs to a kind that is not selected is passed over, whatever it says.
        let always = SETTINGS.iter().any(|setting| setting.key == key && setting.scope == Scope::Always);
        if let Ok(settings) = loaded && always {
            let rows = settings.rows();
            let row = rows.iter().find(|row| row.key == key);
            prop_assert!(row.is_some_and(|row| row.source.contains("--set")), "{:?}", row);
        }
    }

    #[test]
    fn a_secret_is_shown_nowhere_whatever_it_is(
        secret in "[a-z]{3}xyzzy[a-z0-9 ;=/]{0,12}",
        in_quotes in any::<bool>(),
        kind in prop::sample::select(vec!["embedded", "event_hubs"]),
        (key, wrong) in (key(), value()),
    ) {
        let is_secret = |setting: &&Setting| setting.secrecy == Secrecy::Secret;
        let secret = if in_quotes { quoted(secret) } else { secret };
        let secrets: Vec<_> = SETTINGS.iter().filter(is_secret).collect();
        prop_assert!(!secrets.is_empty());
        let lines = secrets.iter().map(|setting| format!("{} = {secret}\n", setting.key));
        let text = format!("source.kind = '{kind}'\n{}", lines.collect::<String>());
        let shown = shown(load_text(&text, &[format!("{key}={wrong}")]));
        prop_assert!(!shown.contains("xyzzy"), "{}", shown);
    }
}
