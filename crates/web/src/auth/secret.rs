//! Secrets that programs and browsers show: 32 random bytes as text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore as _;
use rollcall_store::SecretHash;
use sha2::{Digest as _, Sha256};

/// By this, scanners of repositories and logs know a key when they see one.
const KEY_PREFIX: &str = "rollcall_key_";
const BYTES: usize = 32;

/// A secret in clear. It does not show in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// For a key of the API.
    #[must_use]
    pub fn of_key() -> Self {
        Self(format!("{KEY_PREFIX}{}", random()))
    }

    pub(crate) fn of_session() -> Self {
        Self(random())
    }

    /// As somebody shows it.
    pub(crate) fn shown(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For whoever asked for it, once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store knows it by.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// From the thread's generator, which is seeded by the system and fit for secrets.
fn random() -> String {
    let mut bytes = [0; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_secrets_are_alike_and_none_shows_in_debug_output() {
        let (one, other) = (Secret::of_key(), Secret::of_key());
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.hash(), Secret::shown(one.reveal()).hash());
        assert_eq!(one.reveal().len(), KEY_PREFIX.len() + 43);
        let shown = format!("{one:?} {:?}", one.hash());
        assert_eq!(shown, "Secret(…) SecretHash(…)");
    }
}
