//! The chain against a token endpoint on loopback. The official credentials speak to `https` only,
//! so the requests are carried there by a transport of the test's own; what they ask is theirs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, Transport};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use rollcall_model::{Clock, SystemClock};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::chain::Chain;
use crate::config::{Step, Variables};
use crate::step::Maker;

const TENANT: &str = "contoso";
const CLIENT: &str = "rollcall";
const TOKEN_PATH: &str = "/contoso/oauth2/v2.0/token";
const SCOPES: &[&str] = &[crate::EVENT_HUBS_SCOPE];

/// Carries requests for the authority to the mock server.
#[derive(Debug)]
struct ToLoopback {
    server: String,
    client: reqwest::Client,
}

#[async_trait::async_trait]
impl HttpClient for ToLoopback {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let failed = |error: reqwest::Error| azure_core::Error::new(ErrorKind::Io, error);
        assert_eq!(request.url().scheme(), "https");
        let Body::Bytes(body) = request.body() else {
            panic!("a token request has a plain body");
        };
        let url = format!("{}{}", self.server, request.url().path());
        let sent = self.client.post(url).body(body.clone()).send().await;
        let answer = sent.map_err(failed)?;
        let status = answer.status().as_u16().into();
        let bytes = answer.bytes().await.map_err(failed)?;
        Ok(AsyncRawResponse::from_bytes(
            status,
            Default::default(),
            bytes,
        ))
    }
}

struct Entra {
    server: MockServer,
    dir: TempDir,
}

impl Entra {
    /// Answers every request for a token so.
    async fn answering(status: u16, body: Value) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path(TOKEN_PATH))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .mount(&server)
            .await;
        let dir = TempDir::new().unwrap();
        Self { server, dir }
    }

    async fn granting() -> Self {
        let token =
            json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": "let me in" });
        Self::answering(200, token).await
    }

    async fn refusing() -> Self {
        let body = json!({ "error": "invalid_client", "error_codes": [7_000_215],
            "error_description": "AADSTS7000215: Invalid client secret provided." });
        Self::answering(401, body).await
    }

    fn chain(&self, only: Option<Step>, variables: &[(&str, &str)]) -> Chain {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let transport = ToLoopback {
            server: self.server.uri(),
            client,
        };
        Chain::new(
            only,
            Maker {
                variables: Variables::read(|name| variables.get(name).copied()),
                clock: Arc::new(SystemClock),
                transport: Some(Transport::new(Arc::new(transport))),
            },
        )
    }

    /// The form of every request so far.
    async fn requests(&self) -> Vec<BTreeMap<String, String>> {
        let requests = self.server.received_requests().await.unwrap();
        let form = |body: &[u8]| {
            let text = String::from_utf8(body.to_vec()).unwrap();
            let decoded = |text: &str| {
                let text = text.replace('+', " ");
                percent_decode_str(&text)
                    .decode_utf8()
                    .unwrap()
                    .into_owned()
            };
            text.split('&')
                .map(|pair| pair.split_once('=').unwrap())
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect()
        };
        requests.iter().map(|request| form(&request.body)).collect()
    }
}

fn application<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut variables = vec![("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT)];
    variables.extend_from_slice(more);
    variables
}

async fn token(chain: &Chain) -> Result<String, String> {
    let token = chain.get_token(SCOPES, None).await;
    token
        .map(|token| token.token.secret().to_owned())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_secret_comes_first_and_its_token_is_kept() {
    let entra = Entra::granting().await;
    let file = entra.dir.path().join("federated");
    std::fs::write(&file, "from kubernetes").unwrap();
    let chain = entra.chain(
        None,
        &application(&[
            ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
            ("AZURE_CLIENT_SECRET", "s3cret"),
        ]),
    );
    assert_eq!(token(&chain).await.unwrap(), "let me in");
    assert_eq!(token(&chain).await.unwrap(), "let me in");
    let requests = entra.requests().await;
    assert_eq!(requests.len(), 1, "the second token is the first one");
    assert_eq!(requests[0]["client_secret"], "s3cret");
    assert_eq!(requests[0]["client_id"], CLIENT);
    assert_eq!(requests[0]["scope"], SCOPES[0]);
}

#[tokio::test]
async fn a_refused_secret_is_not_replaced_by_another_identity() {
    let entra = Entra::refusing().await;
    let file = entra.dir.path().join("federated");
    std::fs::write(&file, "from kubernetes").unwrap();
    let variables = application(&[
        ("AZURE_CLIENT_SECRET", "wrong"),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
    ]);
    let error = token(&entra.chain(None, &variables)).await.unwrap_err();
    assert!(error.contains("client_secret: "), "{error}");
    assert!(error.contains("AADSTS7000215"), "{error}");
    assert!(!error.contains('\n'), "{error}");
    assert!(!error.contains("wrong"), "{error}");
    assert_eq!(entra.requests().await.len(), 1);
}

#[tokio::test]
async fn workload_identity_shows_the_token_of_its_file() {
    let entra = Entra::granting().await;
    let file = entra.dir.path().join("federated");
    std::fs::write(&file, "from kubernetes").unwrap();
    let variables = application(&[("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())]);
    token(&entra.chain(None, &variables)).await.unwrap();
    assert_eq!(
        entra.requests().await[0]["client_assertion"],
        "from kubernetes"
    );
}

/// A certificate and its key in one file, and what verifies its signatures.
struct Certificate {
    der: Vec<u8>,
    public_key: Vec<u8>,
}

fn write_certificate(file: &Path) -> Certificate {
    let size = rcgen::RsaKeySize::_2048;
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["rollcall.test".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    let pem = format!("{}{}", key.serialize_pem(), certificate.pem());
    std::fs::write(file, pem).unwrap();
    let pair = RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap();
    Certificate {
        der: certificate.der().to_vec(),
        public_key: pair.public_key().as_ref().to_vec(),
    }
}

#[tokio::test]
async fn a_certificate_signs_what_entra_can_verify() {
    let entra = Entra::granting().await;
    let file = entra.dir.path().join("certificate.pem");
    let certificate = write_certificate(&file);
    let path = file.to_str().unwrap();
    let authority = "https://login.example.test/";
    let variables = application(&[
        ("AZURE_CLIENT_CERTIFICATE_PATH", path),
        ("AZURE_AUTHORITY_HOST", authority),
    ]);
    token(&entra.chain(None, &variables)).await.unwrap();
    let request = entra.requests().await.remove(0);
    let (signed, signature) = request["client_assertion"].rsplit_once('.').unwrap();
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &certificate.public_key)
        .verify(signed.as_bytes(), &decoded(signature))
        .unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let [header, claims] =
        [header, claims].map(|part| serde_json::from_slice::<Value>(&decoded(part)).unwrap());
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate.der));
    assert_eq!(
        header,
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint })
    );
    assert_eq!(
        claims["aud"],
        "https://login.example.test/contoso/oauth2/v2.0/token"
    );
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!(CLIENT), &json!(CLIENT))
    );
    let now = SystemClock.now().as_seconds();
    let time = |name: &str| claims[name].as_i64().unwrap();
    assert!(time("nbf") <= now && now < time("exp"), "{claims}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_says_what_it_lacks() {
    let entra = Entra::granting().await;
    let file = entra.dir.path().join("certificate.pem");
    let path = file.to_str().unwrap();
    let reason = async |more: &[(&str, &str)]| {
        let mut variables = application(&[("AZURE_CLIENT_CERTIFICATE_PATH", path)]);
        variables.extend_from_slice(more);
        token(&entra.chain(None, &variables)).await.unwrap_err()
    };
    assert!(reason(&[]).await.contains("cannot read"));
    std::fs::write(&file, "no PEM").unwrap();
    assert!(reason(&[]).await.contains("has no certificate in PEM"));
    write_certificate(&file);
    let password = [("AZURE_CLIENT_CERTIFICATE_PASSWORD", "x")];
    assert!(reason(&password).await.contains("without a password"));
    assert_eq!(entra.requests().await, []);
}

#[tokio::test]
async fn a_step_that_is_named_is_the_only_one() {
    let entra = Entra::granting().await;
    let variables = application(&[("AZURE_CLIENT_SECRET", "s3cret")]);
    let chain = entra.chain(Some(Step::WorkloadIdentity), &variables);
    let error = token(&chain).await.unwrap_err();
    assert_eq!(
        error,
        "cannot sign in to Azure (workload_identity: not tried, AZURE_FEDERATED_TOKEN_FILE is not \
         set); set what the step that you mean needs, and name it by `credential`"
    );
}

#[tokio::test]
async fn half_of_what_a_secret_needs_is_said() {
    let entra = Entra::granting().await;
    let chain = entra.chain(None, &[("AZURE_CLIENT_SECRET", "s3cret")]);
    let error = token(&chain).await.unwrap_err();
    assert!(
        error.contains("client_secret: AZURE_TENANT_ID is not set"),
        "{error}"
    );
}

#[test]
fn every_step_has_a_name_of_its_own() {
    for step in Step::ALL {
        assert_eq!(Step::named(step.as_str()), Some(step));
    }
    assert_eq!(Step::named("auto"), None);
}

#[test]
fn no_secret_shows_in_debug() {
    let variables = Variables::read(|name| (name == "AZURE_CLIENT_SECRET").then_some("s3cret"));
    assert!(!format!("{variables:?}").contains("s3cret"));
}
