//! The sink `redis_stream`: one entry of a stream per event, added once however often it is sent.
//!
//! An entry has the fields `id`, `type`, `subject` and `event` (the whole `CloudEvent`). A script adds
//! it and notes the entry's number under the event's id in the same step; a repeat within
//! [`REMEMBERED`] finds the note, and that the entry is still there, and adds nothing. An entry that
//! was deleted or trimmed meanwhile is added again, so that sending again by hand works.
//!
//! Whatever goes wrong says nothing about the event, so every failure is of the kind that is tried
//! without end. How much of it outlives Redis is a matter of how Redis is set up: with `appendfsync
//! everysec` its crash may lose the last second.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use rollcall_store::Delivery;
use tokio::sync::Mutex;

use crate::{Sink, SinkError};

/// How long Redis remembers that it has an event: longer than any repeat takes that is not made by
/// hand, and short enough that the notes of a storm do not fill its memory.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A Redis that is busy for longer is left alone for a while.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys: the stream, the note. Arguments: id, type, subject, event, seconds, greatest length or 0.
const ADD_ONCE: &str = r"
local at = redis.call('GET', KEYS[2])
if at and #redis.call('XRANGE', KEYS[1], at, at) > 0 then
    return at
end
local entry = {'*', 'id', ARGV[1], 'type', ARGV[2], 'subject', ARGV[3], 'event', ARGV[4]}
if ARGV[6] == '0' then
    at = redis.call('XADD', KEYS[1], unpack(entry))
else
    at = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[6], unpack(entry))
end
redis.call('SET', KEYS[2], at, 'EX', ARGV[5])
return at
";

/// Where the stream is.
#[derive(Clone)]
pub struct Config {
    /// `redis://…` or `rediss://…`, possibly with user, password and database.
    pub url: String,
    /// Its key.
    pub stream: String,
    /// About how many entries the stream keeps; `None`: all.
    pub max_length: Option<u64>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &"[redacted]")
            .field("stream", &self.stream)
            .field("max_length", &self.max_length)
            .finish()
    }
}

/// Adds to one stream, over one connection that carries many requests at a time.
pub struct RedisStreamSink {
    client: Client,
    script: Script,
    config: Config,
    connection: Mutex<Option<Arc<MultiplexedConnection>>>,
}

impl RedisStreamSink {
    /// Connects with the first send.
    ///
    /// # Errors
    /// With a sentence without secrets, if the URL or the name cannot be used.
    pub fn new(config: &Config) -> Result<Self, String> {
        if config.stream.is_empty() {
            return Err("stream: it is empty".to_owned());
        }
        let client = Client::open(config.url.as_str());
        Ok(Self {
            client: client.map_err(|error| format!("url: {}", without_url(&error)))?,
            script: Script::new(ADD_ONCE),
            config: config.clone(),
            connection: Mutex::default(),
        })
    }

    async fn connection(&self) -> Result<Arc<MultiplexedConnection>, SinkError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(Arc::clone(connection));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let opened = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await;
        let connection = Arc::new(opened.map_err(|error| failed("connect to", &error))?);
        *kept = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Whoever failed on it first drops it.
    async fn drop_connection(&self, failed: &Arc<MultiplexedConnection>) {
        let mut kept = self.connection.lock().await;
        if kept.as_ref().is_some_and(|it| Arc::ptr_eq(it, failed)) {
            *kept = None;
        }
    }

    async fn add(
        &self,
        connection: &MultiplexedConnection,
        event: &Delivery,
    ) -> Result<String, RedisError> {
        let mut connection = connection.clone();
        let mut call = self.script.prepare_invoke();
        call.key(&self.config.stream)
            .key(note_key(&self.config.stream, &event.event_id.to_string()))
            .arg(event.event_id.to_string())
            .arg(&event.event_type)
            .arg(&event.subject)
            .arg(&event.payload)
            .arg(REMEMBERED.as_secs())
            .arg(self.config.max_length.unwrap_or(0));
        call.invoke_async(&mut connection).await
    }
}

#[async_trait]
impl Sink for RedisStreamSink {
    async fn send(&self, event: &Delivery) -> Result<(), SinkError> {
        let connection = self.connection().await?;
        match self.add(&connection, event).await {
            Ok(_) => Ok(()),
            Err(error) => {
                if error.is_io_error() || error.is_unrecoverable_error() {
                    self.drop_connection(&connection).await;
                }
                Err(failed("add to the stream in", &error))
            }
        }
    }
}

/// In a cluster both keys have to lie on one node: the part in braces decides on which.
fn note_key(stream: &str, event_id: &str) -> String {
    match stream.contains('{') {
        true => format!("{stream}:sent:{event_id}"),
        false => format!("{{{stream}}}:sent:{event_id}"),
    }
}

fn failed(tried: &str, error: &RedisError) -> SinkError {
    SinkError::Unreachable {
        reason: format!("cannot {tried} Redis: {}", without_url(error)),
    }
}

/// The client puts neither the URL nor the password into its errors, but the server's answer to a
/// wrong password may repeat the user.
fn without_url(error: &RedisError) -> String {
    match error.code() {
        Some(code @ ("WRONGPASS" | "NOAUTH")) => {
            format!("it refuses the user or the password ({code})")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_keys_lie_on_one_node_of_a_cluster() {
        assert_eq!(note_key("news", "7"), "{news}:sent:7");
        assert_eq!(note_key("{roll}:news", "7"), "{roll}:news:sent:7");
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_password() {
        let config = |url: &str, stream: &str| Config {
            url: url.to_owned(),
            stream: stream.to_owned(),
            max_length: None,
        };
        let refused = |url, stream| RedisStreamSink::new(&config(url, stream)).err();
        assert_eq!(refused("redis://:hush@h", "s"), None);
        assert!(refused("redis://h", "").unwrap().contains("stream"));
        let error = refused("redis://:hush@h/no-number", "s").unwrap();
        assert!(
            error.starts_with("url: ") && !error.contains("hush"),
            "{error}"
        );
        assert!(!format!("{:?}", config("redis://:hush@h", "s")).contains("hush"));
    }
}
