//! The selector of a receiver: where it wants to begin.

use fe2o3_amqp_types::messaging::FilterSet;
use serde_amqp::Value;

use crate::log::Start;

const SELECTOR: &str = "apache.org:selector-filter:string";

/// The start that a source's filters ask for; without any, the oldest event.
pub(crate) fn start(filters: Option<&FilterSet>) -> Result<Start, String> {
    let mut start = Start::Offset { after: -1 };
    for (name, value) in filters.into_iter().flat_map(|filters| filters.iter()) {
        if name.as_str() != SELECTOR {
            return Err(format!("the filter {} is unknown", name.as_str()));
        }
        start = parse(text(value).ok_or("the selector filter is no text")?)?;
    }
    Ok(start)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Described(described) => text(&described.value),
        Value::String(text) => Some(text),
        Value::Symbol(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Reads `amqp.annotation.NAME > 'VALUE'`, also with `>=` and without spaces.
pub(crate) fn parse(selector: &str) -> Result<Start, String> {
    let unknown = || format!("the selector {selector:?} is unknown");
    let (name, rest) = selector.split_once('>').ok_or_else(unknown)?;
    let (inclusive, value) = match rest.strip_prefix('=') {
        Some(value) => (1, value),
        None => (0, rest),
    };
    let name = name.trim();
    let name = name.strip_prefix("amqp.annotation.").unwrap_or(name);
    let value = value.trim().trim_matches('\'');
    if name == "x-opt-offset" && value.eq_ignore_ascii_case("@latest") {
        return Ok(Start::Latest);
    }
    let number: i64 = value.parse().map_err(|_| unknown())?;
    let after = number.saturating_sub(inclusive);
    match name {
        "x-opt-offset" => Ok(Start::Offset { after }),
        "x-opt-sequence-number" => Ok(Start::SequenceNumber { after }),
        "x-opt-enqueued-time" => Ok(Start::EnqueuedTime { after }),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selectors_of_all_clients_are_read() {
        for (selector, start) in [
            (
                "amqp.annotation.x-opt-offset > '-1'",
                Start::Offset { after: -1 },
            ),
            ("amqp.annotation.x-opt-offset > '@latest'", Start::Latest),
            (
                "amqp.annotation.x-opt-offset >='478'",
                Start::Offset { after: 477 },
            ),
            (
                "amqp.annotation.x-opt-sequence-number > '7'",
                Start::SequenceNumber { after: 7 },
            ),
            (
                "amqp.annotation.x-opt-enqueued-time >= '1700000000000'",
                Start::EnqueuedTime {
                    after: 1_699_999_999_999,
                },
            ),
        ] {
            assert_eq!(parse(selector), Ok(start));
        }
    }

    #[test]
    fn other_selectors_are_refused() {
        for selector in [
            "",
            "x-opt-offset",
            "x-opt-offset > 'x'",
            "colour > '7'",
            "x-opt-offset < '7'",
        ] {
            assert!(parse(selector).is_err(), "{selector}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_start_or_a_refusal(text in any::<String>(), value in any::<String>()) {
            drop(parse(&text));
            drop(parse(&format!("amqp.annotation.x-opt-offset > '{value}'")));
        }

        #[test]
        fn every_number_is_read_as_it_is_written(
            number in any::<i64>(),
            inclusive in any::<bool>(),
            space in "[ \\t]{0,2}",
        ) {
            let sign = if inclusive { ">=" } else { ">" };
            let after = number.saturating_sub(i64::from(inclusive));
            for (name, start) in [
                ("x-opt-offset", Start::Offset { after }),
                ("x-opt-sequence-number", Start::SequenceNumber { after }),
                ("x-opt-enqueued-time", Start::EnqueuedTime { after }),
            ] {
                let selector = format!("amqp.annotation.{name}{space}{sign}{space}'{number}'");
                prop_assert_eq!(parse(&selector), Ok(start));
            }
        }
    }
}
