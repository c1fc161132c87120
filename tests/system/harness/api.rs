//! The node's HTTP API, as a client sees it.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

const MERGE_PATCH: &str = "application/merge-patch+json";

/// Status code and JSON body; a body that is no JSON is a JSON string.
pub(crate) type Answered = (u16, Value);

#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    client: Client,
}

impl Api {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            base: format!("http://127.0.0.1:{port}"),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// The same, with a key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        let bearer = HeaderValue::try_from(format!("Bearer {key}")).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let client = Client::builder().no_proxy().default_headers(headers);
        Self {
            base: self.base.clone(),
            client: client.build().unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.try_get(path).await.unwrap()
    }

    /// `None`: nobody answers.
    pub(crate) async fn try_get(&self, path: &str) -> Option<Answered> {
        answered(self.request(Method::GET, path)).await
    }

    /// An answer whose body comes bit by bit.
    pub(crate) async fn stream(&self, path: &str) -> reqwest::Response {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }

    pub(crate) async fn delete(&self, path: &str) -> Answered {
        self.try_delete(path).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answered {
        self.with_body(Method::POST, path, "application/json", body)
            .await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answered {
        self.with_body(Method::PATCH, path, MERGE_PATCH, body).await
    }

    /// As [`Self::post`]; `None`: nobody answers.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Option<Answered> {
        self.try_with_body(Method::POST, path, "application/json", body)
            .await
    }

    /// As [`Self::patch`]; `None`: nobody answers.
    pub(crate) async fn try_patch(&self, path: &str, body: &Value) -> Option<Answered> {
        self.try_with_body(Method::PATCH, path, MERGE_PATCH, body)
            .await
    }

    /// As [`Self::delete`]; `None`: nobody answers.
    pub(crate) async fn try_delete(&self, path: &str) -> Option<Answered> {
        answered(self.request(Method::DELETE, path)).await
    }

    /// The sum of a counter over all its labels; 0, if it is not there yet.
    pub(crate) async fn counter(&self, name: &str) -> u64 {
        self.sample(name, "").await
    }

    /// As [`Self::counter`], of the series that have a label, such as `outcome="won"`.
    pub(crate) async fn sample(&self, name: &str, label: &str) -> u64 {
        let (_, text) = self.get("/metrics").await;
        let lines = text.as_str().unwrap().lines();
        let samples = lines.filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
        });
        samples
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    async fn with_body(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: &Value,
    ) -> Answered {
        self.try_with_body(method, path, media_type, body)
            .await
            .unwrap()
    }

    async fn try_with_body(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: &Value,
    ) -> Option<Answered> {
        let request = self
            .request(method, path)
            .header("content-type", media_type);
        answered(request.body(body.to_string())).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }
}

async fn answered(request: RequestBuilder) -> Option<Answered> {
    let response = request.send().await.ok()?;
    let code = response.status().as_u16();
    let text = response.text().await.ok()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Some((code, body))
}
