//! Tokens for `$cbs`: signed by a key, or given by a credential.

use std::time::Duration;

use azure_core::credentials::Secret;
use azure_messaging_eventhubs::ConnectionString;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_model::Timestamp;
use sha2::Sha256;

use crate::SinkError;
use crate::azure::{Access, parse};

const SCOPE: &str = "https://servicebus.azure.net/.default";
const SAS: &str = "servicebus.windows.net:sastoken";
const JSON_WEB_TOKEN: &str = "jwt";
/// All but what RFC 3986 leaves as it is.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// How long a signature of ours is good.
const LIFETIME: Duration = Duration::from_secs(3_600);

pub(super) struct Token {
    pub(super) value: String,
    /// As `$cbs` calls it.
    pub(super) kind: &'static str,
    pub(super) expires_at: Timestamp,
}

/// A fresh token for the audience; `None` where none is wanted.
pub(super) async fn token(
    access: &Access,
    audience: &str,
    now: Timestamp,
) -> Result<Option<Token>, SinkError> {
    match access {
        Access::Endpoint => Ok(None),
        Access::ConnectionString(text) => {
            let parsed = parse(text).map_err(SinkError::unreachable)?;
            signed(&parsed, audience, now).map(Some)
        }
        Access::Credential { credential, .. } => {
            let given = credential.get_token(&[SCOPE], None).await;
            let given = given.map_err(|error| {
                SinkError::unreachable(format!("no token from the credential: {error}"))
            })?;
            Ok(Some(Token {
                value: given.token.secret().to_owned(),
                kind: JSON_WEB_TOKEN,
                expires_at: given.expires_on.into(),
            }))
        }
    }
}

fn signed(
    connection_string: &ConnectionString,
    audience: &str,
    now: Timestamp,
) -> Result<Token, SinkError> {
    let name = connection_string.shared_access_key_name.as_deref();
    let key = connection_string.shared_access_key.as_ref();
    let given = connection_string.shared_access_signature.as_ref();
    match (name, key, given) {
        (Some(name), Some(key), _) => sign(audience, name, key, now.plus(LIFETIME)),
        (_, _, Some(given)) => Ok(Token {
            value: given.secret().to_owned(),
            kind: SAS,
            expires_at: expiry(given.secret()).unwrap_or_else(|| now.plus(LIFETIME)),
        }),
        _ => Err(SinkError::unreachable("the connection string has no key")),
    }
}

fn sign(
    audience: &str,
    name: &str,
    key: &Secret,
    expires_at: Timestamp,
) -> Result<Token, SinkError> {
    let encode = |text: &str| utf8_percent_encode(text, UNSAFE).to_string();
    let (resource, seconds) = (encode(audience), expires_at.as_seconds());
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.secret().as_bytes())
        .map_err(|error| SinkError::unreachable(error.to_string()))?;
    hmac.update(format!("{resource}\n{seconds}").as_bytes());
    let signature = encode(&STANDARD.encode(hmac.finalize().into_bytes()));
    Ok(Token {
        value: format!(
            "SharedAccessSignature sr={resource}&sig={signature}&se={seconds}&skn={}",
            encode(name)
        ),
        kind: SAS,
        expires_at,
    })
}

/// Until when a signature that was given is good.
fn expiry(signature: &str) -> Option<Timestamp> {
    let fields = signature.split_once(' ')?.1;
    let seconds = fields
        .split('&')
        .find_map(|field| field.strip_prefix("se="))?;
    let seconds = Duration::from_secs(seconds.parse().ok()?);
    Some(Timestamp::EPOCH.plus(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the algorithm of the documentation, computed with openssl.
    #[test]
    fn a_signature_is_what_others_compute() {
        let key = Secret::new("SAS_KEY_VALUE");
        let at = Timestamp::EPOCH.plus(Duration::from_secs(1_800_000_000));
        let token = sign("sb://localhost/statuses", "Root", &key, at).unwrap();
        assert_eq!(
            token.value,
            "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%2Fstatuses&sig=Ia%2BxBaqAfepKaVHLhQLWsNeGznQwX3Vkr5oeiXBJS64%3D&se=1800000000&skn=Root"
        );
        assert_eq!(expiry(&token.value), Some(at));
    }
}
