//! The signature of a webhook request, as [Standard Webhooks](https://www.standardwebhooks.com)
//! has it, so that receivers can use its libraries:
//!
//! - `webhook-id`: the event's id, the same in every try;
//! - `webhook-timestamp`: Unix seconds of this try, so that an old request cannot be replayed;
//! - `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`.
//!
//! The key is the bytes of the secret; one that begins with `whsec_` is base64 after that prefix.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Secret;

const ENCODED_PREFIX: &str = "whsec_";

/// The key that requests are signed with.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// # Errors
    /// With a sentence, if the secret is empty or begins with `whsec_` without being base64.
    pub fn new(secret: &Secret) -> Result<Self, String> {
        let bytes = match secret.reveal().strip_prefix(ENCODED_PREFIX) {
            Some(encoded) => STANDARD
                .decode(encoded)
                .map_err(|_| format!("the secret is not base64 after {ENCODED_PREFIX}"))?,
            None => secret.reveal().as_bytes().to_vec(),
        };
        if bytes.is_empty() {
            return Err("the secret is empty".to_owned());
        }
        let hmac = Hmac::new_from_slice(&bytes).map_err(|error| error.to_string())?;
        Ok(Self(hmac))
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut hmac = self.0.clone();
        hmac.update(format!("{id}.{unix_seconds}.").as_bytes());
        hmac.update(body);
        format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_published_example_is_signed_alike() {
        let key = SigningKey::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_cannot_be_a_key_is_refused() {
        assert!(SigningKey::new(&Secret::new("")).is_err());
        assert!(SigningKey::new(&Secret::new("whsec_")).is_err());
        assert!(SigningKey::new(&Secret::new("whsec_%")).is_err());
    }
}
