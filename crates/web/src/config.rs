//! The server's settings.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{Console, Tls};

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// API, console, health, metrics.
    Everything,
    /// Health and metrics, of a node without the role `api`.
    Health,
}

/// Whether callers of the API sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Nobody does, and everybody may do everything: for loopback.
    Off,
    /// Everybody does, by a key or a session.
    On,
}

/// Where the API listens, and its bounds.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub serves: Serves,
    pub console: Console,
    /// Without it, requests come in clear.
    pub tls: Option<Tls>,
    pub auth: Auth,
    /// How many requests one caller may make on and on, and twice as many at once, where callers
    /// sign in.
    pub requests_per_second: NonZeroU32,
    /// Hosts that requests may name beside loopback ones, without ports; where callers sign in, any.
    pub allowed_hosts: Vec<String>,
    /// Threads that answer requests.
    pub workers: NonZeroUsize,
    /// Bytes of a request's body; beyond it, 413.
    pub max_body_bytes: usize,
    /// Connections that one worker holds open at a time.
    pub max_connections: usize,
    /// How long a sender may take for the head of its request, and a kept connection may idle.
    pub request_timeout: Duration,
    /// How long a stop waits for requests that are being answered.
    pub stop_timeout: Duration,
}

impl Config {
    /// The defaults for this address: everything, to anybody, 200 requests per second, no further
    /// hosts, 2 workers, 1 MiB of body, 1,024 connections each, 30 s, 5 s.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            serves: Serves::Everything,
            console: Console::embedded(),
            tls: None,
            auth: Auth::Off,
            requests_per_second: NonZeroU32::MIN.saturating_add(199),
            allowed_hosts: Vec::new(),
            workers: NonZeroUsize::MIN.saturating_add(1),
            max_body_bytes: 1024 * 1024,
            max_connections: 1_024,
            request_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(5),
        }
    }
}
