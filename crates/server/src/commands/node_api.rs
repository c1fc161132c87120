//! What the changing commands share: the API of a running node, found in the store.

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use super::{Context, reading};
use crate::failure::{Failure, chain};
use crate::settings::environment;

/// Of one request; for a replay the node asks the hub within it.
const DEADLINE: Duration = Duration::from_secs(60);

fn bearer(key: &str) -> Result<HeaderMap, Failure> {
    let value = HeaderValue::try_from(format!("Bearer {key}"));
    let mut value = value.map_err(|_| anyhow!("{} holds no key", environment::API_KEY))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// The node's own certificate is what is trusted, by whatever name: the API is asked by an address of
/// this machine.
fn own_certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let pem = std::fs::read(path)?;
    Ok(Certificate::from_pem_bundle(&pem).map_err(anyhow::Error::from)?)
}

/// A node that is asked.
pub(crate) struct NodeApi {
    name: String,
    url: String,
    client: Client,
}

impl NodeApi {
    /// The one with an API that gave a sign of life last.
    ///
    /// # Errors
    /// That the store cannot be read, or that no such node ever ran on it.
    pub(crate) async fn find(context: &Context) -> Result<Self, Failure> {
        let (_, store) = reading::open(context).await?;
        let listed = store.list_nodes().await;
        let nodes = listed.map_err(|error| reading::of_store(&error))?;
        let newest = nodes
            .into_iter()
            .filter_map(|node| Some((node.last_seen_at, node.name, node.api?)))
            .max();
        let Some((_, name, api)) = newest else {
            return Err(Failure::unavailable(
                "no node with an API has ever run on this database",
                "start one (rollcall run)",
            ));
        };
        // The API that is asked is on this machine, where no proxy reaches it.
        let mut client = Client::builder().no_proxy().timeout(DEADLINE);
        if let Some(key) = environment::api_key(&context.environment) {
            client = client.default_headers(bearer(key)?);
        }
        if let Some(tls) = context.settings()?.http.tls {
            client = client
                .tls_certs_only(own_certificates(&tls.certificate)?)
                .tls_danger_accept_invalid_hostnames(true);
        }
        let client = client.build();
        Ok(Self {
            name,
            url: format!("{api}/api/v1"),
            client: client.map_err(anyhow::Error::from)?,
        })
    }

    /// # Errors
    /// That the node does not answer, or what it says against it.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.ask(Method::POST, path, body).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self.client.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = self.answered(&request).await?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.silent(&error))?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().unwrap_or(status.as_str());
        if status == StatusCode::UNAUTHORIZED {
            let what = format!("the node {} refuses: {detail}", self.name);
            let mend = format!("put a key into {}", environment::API_KEY);
            return Err(Failure::unavailable(what, mend));
        }
        Err(Failure::Failed(anyhow!(
            "the node {} refuses: {detail}",
            self.name
        )))
    }

    /// Waits as long as the node says where it is asked too often.
    async fn answered(&self, request: &RequestBuilder) -> Result<Response, Failure> {
        loop {
            // A text can be sent any number of times.
            let request = request
                .try_clone()
                .ok_or_else(|| anyhow!("no such request"))?;
            let answered = request.send().await;
            let answer = answered.map_err(|error| self.silent(&error))?;
            if answer.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(answer);
            }
            let seconds = answer.headers().get(RETRY_AFTER);
            let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
            tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(1))).await;
        }
    }

    fn silent(&self, error: &reqwest::Error) -> Failure {
        let what = format!("the node {} does not answer: {}", self.name, chain(error));
        Failure::unavailable(what, "start a node (rollcall run), which does the work")
    }
}
