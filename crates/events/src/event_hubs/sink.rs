//! Hands events to the lane, which runs on a thread of its own.

use async_trait::async_trait;
use reqwest::Url;
use rollcall_store::Delivery;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::Config;
use super::lane::{Lane, Request};
use crate::amqp_thread::AmqpThread;
use crate::azure::{Access, parse};
use crate::{Sink, SinkError};

/// As many as the relay has in flight at most; who comes when it is full waits within its deadline.
const WAITING: usize = 1_024;

/// Sends to one event hub.
pub struct EventHubsSink {
    config: Config,
    lane: Mutex<Option<Running>>,
}

struct Running {
    requests: mpsc::Sender<Request>,
    _thread: AmqpThread,
}

impl EventHubsSink {
    /// Connects with the first send.
    ///
    /// # Errors
    /// With a sentence without secrets, if the settings cannot be used.
    pub fn new(config: &Config) -> Result<Self, String> {
        check(config)?;
        Ok(Self {
            config: config.clone(),
            lane: Mutex::default(),
        })
    }

    /// The way into the lane; one that died is replaced.
    async fn lane(&self) -> Result<mpsc::Sender<Request>, SinkError> {
        let mut lane = self.lane.lock().await;
        if let Some(running) = lane.as_ref().filter(|it| !it.requests.is_closed()) {
            return Ok(running.requests.clone());
        }
        let running = self.start()?;
        let requests = running.requests.clone();
        *lane = Some(running);
        Ok(requests)
    }

    fn start(&self) -> Result<Running, SinkError> {
        let thread = AmqpThread::start("event-hubs")
            .map_err(|error| SinkError::unreachable(format!("cannot start a thread: {error}")))?;
        let (requests, received) = mpsc::channel(WAITING);
        thread.spawn(Lane::new(self.config.clone(), received).run());
        Ok(Running {
            requests,
            _thread: thread,
        })
    }
}

#[async_trait]
impl Sink for EventHubsSink {
    async fn send(&self, event: &Delivery) -> Result<(), SinkError> {
        let lane = self.lane().await?;
        let (answer, answered) = oneshot::channel();
        let event = event.clone();
        let request = Request { event, answer };
        let dead = || SinkError::unreachable("the sink's lane has ended");
        lane.send(request).await.map_err(|_| dead())?;
        answered.await.map_err(|_| dead())?
    }
}

fn check(config: &Config) -> Result<(), String> {
    if config.event_hub.is_empty() {
        return Err("event_hub: it is empty".to_owned());
    }
    if let Some(endpoint) = &config.custom_endpoint {
        Url::parse(endpoint).map_err(|error| format!("custom_endpoint: {error}"))?;
    }
    if let Access::ConnectionString(text) = &config.access
        && let Some(path) = parse(text)?
            .entity_path
            .filter(|path| *path != config.event_hub)
    {
        let problem = "is not the connection string's EntityPath";
        return Err(format!(
            "event_hub: {:?} {problem} {path:?}",
            config.event_hub
        ));
    }
    Ok(())
}
