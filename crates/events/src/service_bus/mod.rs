//! The sink `service_bus`: one message to a queue or topic per event, over AMQP 1.0.
//!
//! | field | value |
//! |---|---|
//! | `message-id` | the event's id: with duplicate detection a repeat is taken once |
//! | `subject` | the event's type |
//! | `group-id` | the owner: with sessions the messages of an owner stay in order |
//! | `content-type`, body | the whole `CloudEvent`, `application/cloudevents+json` |
//! | application properties | `cloudEvents_id`, `cloudEvents_type`, `cloudEvents_subject`, for filters |
//!
//! | outcome | what the relay does |
//! |---|---|
//! | accepted | sent |
//! | rejected for what the event is (its size) | tries again, and parks it in the end |
//! | rejected because the broker is busy or does not let us in; no connection; no answer | tries again without end |
//! | anything else | tries again, and parks it in the end |
//!
//! Service Bus closes what is idle and forgets tokens, so a link is opened anew when it was idle for
//! long, when its token is about to end, and after a send that came late. Any other broker of AMQP 1.0
//! works as well, by a custom endpoint with user and password; tokens are left out then.

mod link;
mod message;
mod sink;
mod token;

pub use sink::ServiceBusSink;

use crate::azure::Access;

/// Where the queue or topic is.
#[derive(Clone)]
pub struct Config {
    pub access: Access,
    /// Where to connect instead of the namespace: `amqp://…` or `amqps://…`.
    pub custom_endpoint: Option<String>,
    /// Queue or topic.
    pub entity: String,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("access", &self.access)
            .field(
                "custom_endpoint",
                &self.custom_endpoint.as_ref().map(|_| "[redacted]"),
            )
            .field("entity", &self.entity)
            .finish()
    }
}
