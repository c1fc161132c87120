//! Whatever is typed, it is settings or a refusal that says what is wrong, and no secret is shown.

use proptest::prelude::*;

use super::setting::{Secrecy, Setting};
use super::table::SETTINGS;
use super::*;

fn load_file(text: &str, set: Vec<String>) -> Result<Settings, Faults> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rollcall.toml");
    std::fs::write(&path, text).unwrap();
    load(Inputs {
        config: Some(path),
        set,
        ..Inputs::default()
    })
}

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

fn says_something(loaded: &Result<Settings, Faults>) -> bool {
    let refusal = loaded.as_ref().err().map(ToString::to_string);
    refusal.is_none_or(|text| !text.trim().is_empty())
}

proptest! {
    #[test]
    fn any_text_is_settings_or_a_refusal(text in any::<String>(), set in any::<String>()) {
        prop_assert!(says_something(&load_file(&text, Vec::new())));
        prop_assert!(says_something(&load_file("", vec![set])));
    }

    #[test]
    fn any_value_of_any_setting_is_taken_or_refused(
        typed in prop::collection::vec((key(), value()), 1..4),
        (also, by_flag) in (key(), value()),
    ) {
        let lines = typed.iter().map(|(key, value)| format!("{key} = {value}\n"));
        let loaded = load_file(&lines.collect::<String>(), vec![format!("{also}={by_flag}")]);
        prop_assert!(says_something(&loaded));
    }

    #[test]
    fn a_secret_is_shown_nowhere_whatever_it_is(
        secret in "[a-z]{3}xyzzy[a-z0-9 ;=/]{0,12}",
        (key, wrong) in (key(), value()),
    ) {
        let is_secret = |setting: &&Setting| setting.secrecy == Secrecy::Secret;
        let secrets = SETTINGS.iter().filter(is_secret);
        let lines = secrets.map(|setting| format!("{} = {}\n", setting.key, quoted(secret.clone())));
        let text: String = lines.collect();
        let shown = match load_file(&text, vec![format!("{key}={wrong}")]) {
            Ok(settings) => format!("{:?}", settings.rows()),
            Err(faults) => faults.to_string(),
        };
        prop_assert!(!shown.contains("xyzzy"), "{}", shown);
    }
}
