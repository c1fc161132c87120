//! JSON Pointers (RFC 6901), evaluated on raw JSON text, so that what is not needed is skipped
//! and not built.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A parsed pointer; the empty one points to the whole value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct JsonPointer {
    tokens: Vec<Box<str>>,
}

/// A text that is no pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a JSON Pointer: it must be empty or begin with '/', '~' only as ~0 or ~1")]
pub struct JsonPointerError(String);

impl JsonPointer {
    /// # Errors
    /// If the text neither is empty nor begins with `/`, or holds a `~` that is no escape.
    pub fn parse(text: &str) -> Result<Self, JsonPointerError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(JsonPointerError(text.to_owned()));
        };
        let tokens = rest.split('/').map(unescape).collect::<Option<Vec<_>>>();
        tokens
            .map(|tokens| Self { tokens })
            .ok_or_else(|| JsonPointerError(text.to_owned()))
    }

    #[must_use]
    pub fn tokens(&self) -> &[Box<str>] {
        &self.tokens
    }

    /// The raw text of the value that the pointer names within `json`, if there is one.
    /// Of a key that stands several times the last one counts, as everywhere in `serde_json`.
    #[must_use]
    pub fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        find(json, &self.tokens)
    }
}

/// Follows `tokens` into the raw JSON text `json`.
#[must_use]
pub fn find<'a>(json: &'a str, tokens: &[Box<str>]) -> Option<&'a str> {
    let mut found = json;
    for token in tokens {
        let mut deserializer = serde_json::Deserializer::from_str(found);
        found = deserializer
            .deserialize_any(Step { token })
            .ok()
            .flatten()?
            .get();
    }
    Some(found)
}

fn unescape(token: &str) -> Option<Box<str>> {
    if !token.contains('~') {
        return Some(token.into());
    }
    let valid = token
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    valid.then(|| token.replace("~1", "/").replace("~0", "~").into())
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens
            .iter()
            .try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

/// One step down: the member or the element named by `token`; `None` of a scalar.
struct Step<'t> {
    token: &'t str,
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<CowStr<'de>>()? {
            if key.0 == self.token {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let plain = self.token == "0" || !self.token.starts_with(['0', '+']);
        let wanted = plain.then(|| self.token.parse::<usize>().ok()).flatten();
        let mut found = None;
        let mut index = 0;
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            if Some(index) == wanted {
                found = Some(element);
            }
            index += 1;
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A key, borrowed unless it holds an escape. (`Cow` by itself never borrows under serde.)
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub struct CowStr<'a>(#[serde(borrow)] pub Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(pointer: &str, json: &'a str) -> Option<&'a str> {
        JsonPointer::parse(pointer).unwrap().find(json)
    }

    #[test]
    fn pointers_name_members_and_elements_by_their_raw_text() {
        let json = r#"{"a":[1, {"b/c": 1.50}], "~": null, "a\"": 7}"#;
        assert_eq!(at("", json), Some(json));
        assert_eq!(at("/a/0", json), Some("1"));
        assert_eq!(at("/a/1/b~1c", json), Some("1.50"));
        assert_eq!(at("/~0", json), Some("null"));
        assert_eq!(at("/a\"", json), Some("7"));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let json = r#"{"a":[1], "s":"x"}"#;
        for pointer in ["/b", "/a/1", "/a/00", "/a/-", "/s/0", "/a/0/x"] {
            assert_eq!(at(pointer, json), None, "{pointer}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        assert_eq!(at("/a", r#"{"a":1,"a":2}"#), Some("2"));
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["a", "/a~", "/a~2"] {
            assert!(JsonPointer::parse(text).is_err(), "{text}");
        }
    }
}
