//! Whole numbers of bodies: JSON knows no integers, so that `2.0` is one as well as `2`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// Beyond it a float does not tell one whole number from the next.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number that fits `T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Whole<T>(pub(crate) T);

/// The least and the greatest number of a type.
pub(crate) trait Bounds {
    const RANGE: (i64, i64);
}

impl Bounds for i64 {
    const RANGE: (i64, i64) = (Self::MIN, Self::MAX);
}

impl Bounds for u32 {
    const RANGE: (i64, i64) = (0, 4_294_967_295);
}

impl<T: Bounds> JsonSchema for Whole<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Whole".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (least, greatest) = T::RANGE;
        json_schema!({"type": "integer", "minimum": least, "maximum": greatest})
    }
}

/// A whole number in a path or a query, without the point that it may have.
pub(crate) fn without_point(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        _ => text,
    }
}

impl<'de, T: TryFrom<i64>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number(PhantomData))
    }
}

struct Number<T>(PhantomData<T>);

impl<T: TryFrom<i64>> Visitor<'_> for Number<T> {
    type Value = Whole<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number in range")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Whole<T>, E> {
        let whole = T::try_from(number);
        let whole = whole.map_err(|_| E::invalid_value(Unexpected::Signed(number), &self));
        whole.map(Whole)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole<T>, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole<T>, E> {
        if number.fract() != 0.0 || number.abs() > EXACT {
            return Err(E::invalid_value(Unexpected::Float(number), &self));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole and within the exact range"
        )]
        let whole = number as i64;
        self.visit_i64(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<i64>>(text: &str) -> Option<T> {
        let whole = serde_json::from_str::<Whole<T>>(text).ok()?;
        Some(whole.0)
    }

    #[test]
    fn a_point_is_taken_away_with_zeros_alone() {
        for (text, whole) in [("5.0", "5"), ("5", "5"), ("0.00", "0")] {
            assert_eq!(without_point(text), whole);
        }
        for text in ["5.1", "5.", ".", "x.y", "5.0e1"] {
            assert_eq!(without_point(text), text);
        }
    }

    #[test]
    fn a_whole_number_may_have_a_point_and_must_fit() {
        assert_eq!(read::<i64>("245.0"), Some(245));
        assert_eq!(read::<i64>("-3e2"), Some(-300));
        assert_eq!(read::<i64>("9223372036854775807"), Some(i64::MAX));
        assert_eq!(read::<u32>("4294967295"), Some(u32::MAX));
        for text in [
            "1.5",
            "1e300",
            "18446744073709551615",
            "\"1\"",
            "true",
            "null",
        ] {
            assert_eq!(read::<i64>(text), None, "{text}");
        }
        for text in ["-1", "4294967296", "4294967296.0"] {
            assert_eq!(read::<u32>(text), None, "{text}");
        }
    }
}
