//! Shared access signatures, and what a connection may do by them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode_str;
use rollcall_model::Timestamp;
use sha2::Sha256;

use crate::address;

/// A resource that a connection may use, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Path of the resource in lower case; empty for all.
    path: String,
    /// Unix seconds.
    expires_at: i64,
}

/// The one key of the hub.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the token is no shared access signature")]
    Shape,
    #[error("the token names an unknown key")]
    KeyName,
    #[error("the token has expired")]
    Expired,
    #[error("the token is for another resource")]
    Audience,
    #[error("the token's signature is wrong")]
    Signature,
}

impl Grant {
    /// Everything, for ever: what a password in SASL PLAIN gives.
    pub(crate) fn all() -> Self {
        Self {
            path: String::new(),
            expires_at: i64::MAX,
        }
    }

    /// Whether an address may be used now. Tokens of a part of the hub cover what is below it, and
    /// any token is enough for `$management`.
    pub(crate) fn covers(&self, address: &str, now: Timestamp) -> bool {
        let path = address::path(address).to_lowercase();
        let below = match path.strip_prefix(&self.path) {
            Some(rest) => self.path.is_empty() || rest.is_empty() || rest.starts_with('/'),
            None => path.ends_with("$management"),
        };
        below && now.as_seconds() < self.expires_at
    }
}

impl Key {
    /// Checks `SharedAccessSignature sr=…&sig=…&se=…&skn=…` for the resource `audience`.
    pub(crate) fn check(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Grant, Refused> {
        let fields = token
            .strip_prefix("SharedAccessSignature ")
            .ok_or(Refused::Shape)?;
        let field = |name: &str| {
            let pairs = fields.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(key, _)| *key == name);
            values
                .next()
                .map(|(_, value)| value.trim())
                .ok_or(Refused::Shape)
        };
        let (resource, expiry) = (field("sr")?, field("se")?);
        if decoded(field("skn")?) != self.name {
            return Err(Refused::KeyName);
        }
        self.verify(resource, expiry, &decoded(field("sig")?))?;
        let expires_at: i64 = expiry.parse().map_err(|_| Refused::Shape)?;
        if now.as_seconds() >= expires_at {
            return Err(Refused::Expired);
        }
        let path = address::path(&decoded(resource)).to_lowercase();
        if !address::path(audience).to_lowercase().starts_with(&path) {
            return Err(Refused::Audience);
        }
        Ok(Grant { path, expires_at })
    }

    fn verify(&self, resource: &str, expiry: &str, signature: &str) -> Result<(), Refused> {
        let signature = STANDARD.decode(signature).map_err(|_| Refused::Signature)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(self.value.as_bytes())
            .map_err(|_| Refused::Signature)?;
        mac.update(resource.as_bytes());
        mac.update(b"\n");
        mac.update(expiry.as_bytes());
        mac.verify_slice(&signature).map_err(|_| Refused::Signature)
    }

    /// Whether a SASL PLAIN response carries this key.
    pub(crate) fn matches_plain(&self, response: &[u8]) -> bool {
        let mut parts = response.split(|byte| *byte == 0).skip(1);
        let same = |part: Option<&[u8]>, text: &str| part == Some(text.as_bytes());
        same(parts.next(), &self.name) && same(parts.next(), &self.value)
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn key() -> Key {
        Key {
            name: "RootManageSharedAccessKey".to_owned(),
            value: "SAS_KEY_VALUE".to_owned(),
        }
    }

    fn token(key: &str, resource: &str, expiry: i64) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{resource}\n{expiry}").as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let signature = signature
            .replace('+', "%2B")
            .replace('=', "%3D")
            .replace('/', "%2F");
        format!(
            "SharedAccessSignature sr={resource}&sig={signature}&se={expiry}\
             &skn=RootManageSharedAccessKey"
        )
    }

    fn check(token: &str, audience: &str) -> Result<Grant, Refused> {
        key().check(token, audience, Timestamp::from_millis(NOW * 1_000))
    }

    #[test]
    fn a_token_grants_its_resource_and_what_is_below() {
        let resource = "amqps%3A%2F%2Flocalhost%2Fstatuses";
        let token = token("SAS_KEY_VALUE", resource, NOW + 60);
        let grant = check(&token, "amqps://localhost/statuses/Partitions/1").unwrap();
        let at = |seconds| Timestamp::from_millis(seconds * 1_000);
        assert!(grant.covers("statuses/Partitions/1", at(NOW)));
        assert!(grant.covers("$management", at(NOW)));
        assert!(!grant.covers("statuses2", at(NOW)));
        assert!(!grant.covers("statuses", at(NOW + 60)));
    }

    #[test]
    fn wrong_tokens_are_refused_for_their_reason() {
        let resource = "sb%3A%2F%2Flocalhost%2Fstatuses";
        let audience = "sb://localhost/statuses";
        let good = token("SAS_KEY_VALUE", resource, NOW + 60);
        let expired = token("SAS_KEY_VALUE", resource, NOW);
        let forged = token("GUESSED", resource, NOW + 60);
        assert!(check(&good, audience).is_ok());
        assert_eq!(check(&good, "sb://localhost/other"), Err(Refused::Audience));
        assert_eq!(check(&expired, audience), Err(Refused::Expired));
        assert_eq!(check(&forged, audience), Err(Refused::Signature));
        assert_eq!(check("Bearer x", audience), Err(Refused::Shape));
        assert_eq!(
            check(&good.replace("skn=Root", "skn=Boot"), audience),
            Err(Refused::KeyName)
        );
    }
}
