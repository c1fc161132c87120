//! The sinks against receivers that answer, fail and hang, and the relay on a real store.

#[cfg(feature = "failpoints")]
mod panics;
mod relay;
mod webhook;
mod world;
