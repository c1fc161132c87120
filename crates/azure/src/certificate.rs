//! An assertion that a client certificate signs: a JSON web token, PS256, that names the
//! certificate by its SHA-256 thumbprint, as Entra asks for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rollcall_model::Clock;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long an assertion is good for. It is used at once; the rest is for clocks that differ.
const LIFETIME: Duration = Duration::from_secs(600);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{path} has no {what}; write the certificate and its RSA key, without a password, into one \
         PEM file", path = path.display()
    )]
    Lacks { path: PathBuf, what: &'static str },
    #[error("the key in {path} is no RSA key that can be used: {cause}", path = path.display())]
    Key { path: PathBuf, cause: String },
}

/// Signs assertions of one application.
pub(crate) struct Assertion {
    key: RsaKeyPair,
    /// SHA-256 of the certificate, base64url.
    thumbprint: String,
    /// The token endpoint.
    audience: String,
    client_id: String,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assertion")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

impl Assertion {
    /// Reads a PEM file with a certificate and its key. The first of each counts.
    pub(crate) fn read(
        path: &Path,
        audience: String,
        client_id: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let pem = std::fs::read(path).map_err(|source| Error::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let lacks = |what| Error::Lacks {
            path: path.to_owned(),
            what,
        };
        let certificate =
            CertificateDer::from_pem_slice(&pem).map_err(|_| lacks("certificate in PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| lacks("private key in PEM"))?;
        let key = match &key {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            other => RsaKeyPair::from_pkcs8(other.secret_der()),
        };
        let key = key.map_err(|error| Error::Key {
            path: path.to_owned(),
            cause: error.to_string(),
        })?;
        Ok(Self {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
            audience,
            client_id,
            clock,
        })
    }

    fn sign(&self) -> Result<String, aws_lc_rs::error::Unspecified> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let now = self.clock.now();
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": Uuid::new_v4(),
            "nbf": now.as_seconds(),
            "exp": now.plus(LIFETIME).as_seconds(),
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(&RSA_PSS_SHA256, &random, signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.sign().map_err(|_| {
            let text = "the certificate's key could not sign";
            azure_core::Error::with_message(ErrorKind::Credential, text)
        })
    }
}
