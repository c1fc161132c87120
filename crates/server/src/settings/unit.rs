//! Durations and sizes as people write them: `500ms`, `1h30m`, `64MiB`. The unit is never optional:
//! a bare `30` in a settings file has been read as seconds by one and as milliseconds by another.

use std::time::Duration;

const DURATIONS: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// What is wrong with a quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnitFault {
    NotANumber,
    NoUnit,
    UnknownUnit(String),
    TooLarge,
}

/// One or several numbers with their units, such as `90s` or `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, UnitFault> {
    let mut rest = text.trim();
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let (part, after) = split_part(rest)?;
        millis = millis
            .checked_add(quantity(part, DURATIONS)?)
            .ok_or(UnitFault::TooLarge)?;
        rest = after;
    }
    if text.trim().is_empty() {
        return Err(UnitFault::NotANumber);
    }
    Ok(Duration::from_millis(millis))
}

/// Bytes: `1MiB` is 1,048,576 of them, `1MB` is 1,000,000.
pub(crate) fn parse_size(text: &str) -> Result<u64, UnitFault> {
    let (number, unit) = split_number(text.trim())?;
    quantity((number, unit.trim()), SIZES)
}

/// Shortest exact text, such as `1h30m`; `0s` for nothing.
pub(crate) fn duration_text(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    // Without days: `24h` is how people write a retention.
    for (unit, factor) in &DURATIONS[1..] {
        if millis >= *factor {
            text.push_str(&format!("{}{unit}", millis / factor));
            millis %= factor;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// The largest binary unit that divides the size.
pub(crate) fn size_text(bytes: u64) -> String {
    let binary = &SIZES[..4];
    let fits = |factor: u64| bytes >= factor && bytes.is_multiple_of(factor);
    match binary.iter().find(|(_, factor)| fits(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

/// The first number with its unit, and what follows.
fn split_part(text: &str) -> Result<((&str, &str), &str), UnitFault> {
    let (number, rest) = split_number(text)?;
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| c.is_ascii_digit());
    let (unit, after) = rest.split_at(letters.unwrap_or(rest.len()));
    Ok(((number, unit.trim_end()), after))
}

fn split_number(text: &str) -> Result<(&str, &str), UnitFault> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    match text.split_at(digits.unwrap_or(text.len())) {
        ("", _) => Err(UnitFault::NotANumber),
        parts => Ok(parts),
    }
}

fn quantity((number, unit): (&str, &str), units: &[(&str, u64)]) -> Result<u64, UnitFault> {
    if unit.is_empty() {
        return Err(UnitFault::NoUnit);
    }
    let factor = units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| *factor)
        .ok_or_else(|| UnitFault::UnknownUnit(unit.to_owned()))?;
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or(UnitFault::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("3s", 3_000),
            ("1h30m", 5_400_000),
            ("2 h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_quantity_without_a_known_unit_is_refused() {
        assert_eq!(parse_duration("15"), Err(UnitFault::NoUnit));
        assert_eq!(parse_duration("s"), Err(UnitFault::NotANumber));
        assert_eq!(parse_duration(""), Err(UnitFault::NotANumber));
        assert_eq!(
            parse_duration("3sec"),
            Err(UnitFault::UnknownUnit("sec".to_owned()))
        );
        assert_eq!(
            parse_duration("99999999999999999999s"),
            Err(UnitFault::TooLarge)
        );
        assert_eq!(
            parse_size("1.5MiB"),
            Err(UnitFault::UnknownUnit(".5MiB".to_owned()))
        );
        assert_eq!(parse_size("4"), Err(UnitFault::NoUnit));
    }

    #[test]
    fn sizes_are_binary_or_decimal_as_written() {
        assert_eq!(parse_size("1MiB"), Ok(1_048_576));
        assert_eq!(parse_size("1MB"), Ok(1_000_000));
        assert_eq!(size_text(4 << 20), "4MiB");
        assert_eq!(size_text(1_500), "1500B");
    }

    proptest! {
        #[test]
        fn durations_survive_a_round_trip(millis in 0_u64..1 << 50) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        }

        #[test]
        fn sizes_survive_a_round_trip(bytes in any::<u64>()) {
            prop_assert_eq!(parse_size(&size_text(bytes)), Ok(bytes));
        }
    }
}
