//! Owner and sub-owner ids: 1 to 128 Unicode characters, no control characters, no white space at
//! either end, compared byte for byte and never normalised.

use std::borrow::Borrow;
use std::fmt;

use compact_str::CompactString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id, in Unicode characters.
pub const MAX_ID_CHARACTERS: usize = 128;

/// Why a text cannot be an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("an id needs at least one character")]
    Empty,
    #[error("an id has at most {MAX_ID_CHARACTERS} characters, this one has {0}")]
    TooLong(usize),
    #[error("an id has no control characters, this one has U+{0:04X}")]
    Control(u32),
    #[error("an id has no white space at either end")]
    Padded,
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    // Most ids are short ASCII: one pass over the bytes settles them.
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && text.len() <= MAX_ID_CHARACTERS {
        return Ok(());
    }
    let characters = text.chars().count();
    if characters > MAX_ID_CHARACTERS {
        return Err(IdError::TooLong(characters));
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(IdError::Control(u32::from(control)));
    }
    if text.trim().len() != text.len() {
        return Err(IdError::Padded);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(CompactString);

        impl $name {
            /// # Errors
            /// If the text is empty, too long, padded or holds a control character.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text).map(|()| Self(CompactString::new(text)))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Bytes on the heap beside the value itself: none up to 24.
            #[must_use]
            pub fn heap_bytes(&self) -> usize {
                if self.0.is_heap_allocated() { self.0.capacity() } else { 0 }
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": "No control characters, no white space at either end; compared \
                                    byte for byte.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_ID_CHARACTERS,
                    "pattern": r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$",
                })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// Names a data owner (a customer, a site, a gateway).
    OwnerId
}

id! {
    /// Names a sub-owner (a device, a meter) within its owner.
    SubOwnerId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_bytes() {
        for text in ["1", "zähler 7", "e\u{301}", "/a%b", &"ü".repeat(128)] {
            assert_eq!(OwnerId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn unusable_ids_are_refused_with_the_reason() {
        assert_eq!(OwnerId::parse(""), Err(IdError::Empty));
        assert_eq!(OwnerId::parse(&"ü".repeat(129)), Err(IdError::TooLong(129)));
        assert_eq!(OwnerId::parse("a\u{0}b"), Err(IdError::Control(0)));
        assert_eq!(OwnerId::parse("a\u{85}b"), Err(IdError::Control(0x85)));
        assert_eq!(OwnerId::parse(" a"), Err(IdError::Padded));
        assert_eq!(OwnerId::parse("a\u{3000}"), Err(IdError::Padded));
    }
}
