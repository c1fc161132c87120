//! Keeps a link and replaces it when it has had its time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use rollcall_model::Clock;
use rollcall_store::Delivery;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, timeout};

use super::link::{Link, Place, Sent, verdict};
use super::token::token;
use super::{Config, message};
use crate::amqp_thread::AmqpThread;
use crate::azure::{Access, parse};
use crate::{Sink, SinkError};

/// With [`SEND_DEADLINE`] below the relay's own, so that a late link is noticed here.
const OPEN_DEADLINE: Duration = Duration::from_secs(6);
const SEND_DEADLINE: Duration = Duration::from_secs(8);
/// Service Bus detaches a link after ten minutes without use.
const IDLE: Duration = Duration::from_secs(300);
/// Before a token ends its link is replaced.
const TOKEN_MARGIN: Duration = Duration::from_secs(300);
/// Who waited for a link that could not be opened gets the same answer, instead of trying it again
/// one after the other.
const FAILURE_HOLDS: Duration = Duration::from_millis(500);

/// Sends to one queue or topic.
pub struct ServiceBusSink {
    shared: Arc<Shared>,
    thread: OnceCell<AmqpThread>,
}

struct Shared {
    config: Config,
    place: Place,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    failed: Option<(Instant, SinkError)>,
}

struct Open {
    link: Arc<Link>,
    used_at: Instant,
    good_until: Option<Instant>,
}

impl ServiceBusSink {
    /// Connects with the first send.
    ///
    /// # Errors
    /// With a sentence without secrets, if the settings cannot be used.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Ok(Self {
            shared: Arc::new(Shared {
                place: place(config)?,
                config: config.clone(),
                clock,
                state: Mutex::default(),
            }),
            thread: OnceCell::new(),
        })
    }
}

#[async_trait]
impl Sink for ServiceBusSink {
    async fn send(&self, event: &Delivery) -> Result<(), SinkError> {
        let thread = self
            .thread
            .get_or_try_init(async || AmqpThread::start("service-bus"))
            .await
            .map_err(|error| SinkError::unreachable(format!("cannot start a thread: {error}")))?;
        let (shared, message) = (Arc::clone(&self.shared), message::of(event));
        let sending = async move {
            let link = shared.link().await?;
            match timeout(SEND_DEADLINE, link.send(message)).await {
                Ok(Sent::Outcome(outcome)) => verdict(outcome),
                Ok(Sent::TooLarge(max)) => Err(SinkError::Permanent {
                    reason: format!("it is larger than the {max} bytes that the broker takes"),
                }),
                Ok(Sent::Broken(error)) => {
                    shared.forget(&link).await;
                    Err(error)
                }
                Err(_) => {
                    shared.forget(&link).await;
                    Err(SinkError::unreachable(format!(
                        "the broker does not answer within {SEND_DEADLINE:?}"
                    )))
                }
            }
        };
        thread.run(Box::pin(sending)).await
    }
}

impl Shared {
    /// The link that is open, or a new one.
    async fn link(&self) -> Result<Arc<Link>, SinkError> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(open) = &mut state.open
            && now.duration_since(open.used_at) < IDLE
            && open.good_until.is_none_or(|until| now < until)
        {
            open.used_at = now;
            return Ok(Arc::clone(&open.link));
        }
        state.open = None;
        if let Some((at, error)) = &state.failed
            && now.duration_since(*at) < FAILURE_HOLDS
        {
            return Err(error.clone());
        }
        let opened = match timeout(OPEN_DEADLINE, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(SinkError::unreachable(format!(
                "no link to {} within {OPEN_DEADLINE:?}",
                self.config.entity
            ))),
        };
        match opened {
            Ok(open) => {
                let link = Arc::clone(&open.link);
                *state = State {
                    open: Some(open),
                    failed: None,
                };
                Ok(link)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn open(&self) -> Result<Open, SinkError> {
        let now = self.clock.now();
        let token = token(&self.config.access, &self.place.audience, now).await?;
        let good_until = token.as_ref().map(|token| {
            let good = token.expires_at.since(now).saturating_sub(TOKEN_MARGIN);
            Instant::now() + good
        });
        Ok(Open {
            link: Arc::new(Box::pin(Link::open(&self.place, token)).await?),
            used_at: Instant::now(),
            good_until,
        })
    }

    /// Whoever failed on it first takes it away; those still in flight keep it until they end.
    async fn forget(&self, failed: &Arc<Link>) {
        let mut state = self.state.lock().await;
        if state
            .open
            .as_ref()
            .is_some_and(|open| Arc::ptr_eq(&open.link, failed))
        {
            state.open = None;
        }
    }
}

fn place(config: &Config) -> Result<Place, String> {
    let namespace = match &config.access {
        Access::ConnectionString(text) => {
            let parsed = parse(text)?;
            if let Some(path) = parsed.entity_path.filter(|path| *path != config.entity) {
                let problem = "is not the connection string's EntityPath";
                return Err(format!("entity: {:?} {problem} {path:?}", config.entity));
            }
            Some(parsed.fully_qualified_namespace)
        }
        Access::Credential {
            fully_qualified_namespace,
            ..
        } => Some(fully_qualified_namespace.clone()),
        Access::Endpoint => None,
    };
    if config.entity.trim_matches('/').is_empty() {
        return Err("entity: it is empty".to_owned());
    }
    let at = match (&config.custom_endpoint, &namespace) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, Some(namespace)) => format!("amqps://{namespace}"),
        (None, None) => return Err("custom_endpoint: it is missing".to_owned()),
    };
    let url = Url::parse(&at).map_err(|error| format!("custom_endpoint: {error}"))?;
    if matches!(config.access, Access::Endpoint) && url.password().is_none() {
        return Err("custom_endpoint: it has no user and password".to_owned());
    }
    let host = namespace.clone().unwrap_or_default();
    Ok(Place {
        url,
        hostname: namespace,
        audience: format!("sb://{host}/{}", config.entity.trim_start_matches('/')),
        entity: config.entity.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(access: Access, custom_endpoint: Option<&str>, entity: &str) -> Option<String> {
        let custom_endpoint = custom_endpoint.map(str::to_owned);
        let entity = entity.to_owned();
        place(&Config {
            access,
            custom_endpoint,
            entity,
        })
        .err()
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_key() {
        let string = |text: &str| Access::ConnectionString(text.to_owned());
        let key = "SharedAccessKeyName=a;SharedAccessKey=hush";
        let good = format!("Endpoint=sb://h/;{key};EntityPath=queue");
        assert_eq!(problem(string(&good), None, "queue"), None);
        assert_eq!(
            problem(Access::Endpoint, Some("amqp://u:p@h"), "/queue/q"),
            None
        );
        for (access, endpoint, entity, key) in [
            (string(&good), None, "other", "entity: \"other\""),
            (
                string("Endpoint=sb://h/"),
                None,
                "queue",
                "connection_string: ",
            ),
            (
                Access::Endpoint,
                Some("amqp://u:p@h"),
                "",
                "entity: it is empty",
            ),
            (
                Access::Endpoint,
                Some("amqp://h"),
                "q",
                "custom_endpoint: it has no user",
            ),
            (
                Access::Endpoint,
                None,
                "q",
                "custom_endpoint: it is missing",
            ),
        ] {
            let problem = problem(access, endpoint, entity).unwrap();
            assert!(
                problem.contains(key) && !problem.contains("hush"),
                "{problem}"
            );
        }
    }
}
