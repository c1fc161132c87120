//! The sinks against receivers that answer, fail and hang, and the relay on a real store.

mod webhook;
