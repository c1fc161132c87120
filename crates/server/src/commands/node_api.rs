//! What the changing commands share: the API of a running node, found in the store.

use std::time::Duration;

use anyhow::anyhow;
use reqwest::{Client, Method};
use serde_json::Value;

use super::{Context, reading};
use crate::failure::{Failure, chain};

/// Of one request; for a replay the node asks the hub within it.
const DEADLINE: Duration = Duration::from_secs(60);

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
        // A node's API is on a loopback address, where no proxy reaches it.
        let client = Client::builder().no_proxy().timeout(DEADLINE).build();
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
        let answered = request.send().await;
        let answer = answered.map_err(|error| self.silent(&error))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| self.silent(&error))?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().unwrap_or(status.as_str());
        Err(Failure::Failed(anyhow!(
            "the node {} refuses: {detail}",
            self.name
        )))
    }

    fn silent(&self, error: &reqwest::Error) -> Failure {
        let what = format!("the node {} does not answer: {}", self.name, chain(error));
        Failure::unavailable(what, "start a node (rollcall run), which does the work")
    }
}
