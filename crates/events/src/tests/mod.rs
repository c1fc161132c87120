//! The sinks against receivers that answer, fail and hang, and the relay on a real store.

mod event_hubs;
mod nodes;
mod order;
#[cfg(feature = "failpoints")]
mod panics;
mod redis_stream;
mod relay;
mod service_bus;
mod webhook;
mod world;
