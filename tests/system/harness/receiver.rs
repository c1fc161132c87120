//! Where announcements go: a webhook of our own that can refuse, throttle and hang, and a stream in
//! Redis.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_test_servers::Redis;
use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::wait::until;

const STREAM: &str = "announcements";

/// What the receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Takes,
    Refuses,
    Throttles,
    /// Takes it, and answers when nobody waits any more.
    Hangs,
}

/// A receiver of webhooks and all that it has taken: (type, subject, id).
#[derive(Clone)]
pub(crate) struct Receiver(Arc<Mutex<(Mood, Vec<Arrival>)>>);

/// Type, subject and id.
pub(crate) type Arrival = (String, String, String);

impl Receiver {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new((Mood::Takes, Vec::new()))))
    }

    pub(crate) async fn listen(&self, port: u16) -> MockServer {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let server = MockServer::builder().listener(listener);
        let server = server.disable_request_recording().start().await;
        Mock::given(method("POST"))
            .respond_with(self.clone())
            .mount(&server)
            .await;
        server
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.0.lock().unwrap().0 = mood;
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.0.lock().unwrap().1.clone()
    }

    pub(crate) async fn gets_more(&self) {
        let before = self.arrivals().len();
        until("the receiver gets one more", async || {
            (self.arrivals().len() > before).then_some(())
        })
        .await;
    }
}

impl Respond for Receiver {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut inner = self.0.lock().unwrap();
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        match inner.0 {
            Mood::Refuses => ResponseTemplate::new(503),
            Mood::Throttles => ResponseTemplate::new(429).insert_header("Retry-After", "1"),
            Mood::Takes => {
                inner.1.push(arrival(&event));
                ResponseTemplate::new(204)
            }
            Mood::Hangs => {
                inner.1.push(arrival(&event));
                ResponseTemplate::new(204).set_delay(Duration::from_secs(60))
            }
        }
    }
}

fn arrival(event: &Value) -> Arrival {
    let text = |key: &str| event[key].as_str().unwrap().to_owned();
    (text("type"), text("subject"), text("id"))
}

/// The setting that names both.
pub(crate) fn sinks(redis: &Redis, port: u16) -> String {
    let webhook = format!(
        r#"{{ kind = "webhook", name = "webhook", url = "http://127.0.0.1:{port}/", allow_private = true }}"#
    );
    let stream = format!(
        r#"{{ kind = "redis_stream", name = "stream", url = "{}", stream = "{STREAM}" }}"#,
        redis.url()
    );
    format!("[{webhook}, {stream}]")
}

/// All that the stream holds: one event a line in the answer that holds it as JSON.
pub(crate) fn stream(redis: &Redis) -> Vec<Arrival> {
    let text = redis
        .command(&["XRANGE", STREAM, "-", "+"])
        .unwrap_or_default();
    let events = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events
        .filter(Value::is_object)
        .map(|event| arrival(&event))
        .collect()
}
