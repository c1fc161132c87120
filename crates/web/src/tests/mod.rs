//! The API on a real store, in the process; and the server on a real port.

mod access;
mod answers;
mod audit;
mod bulk;
mod console;
mod decisions;
mod events;
mod host;
mod ids;
mod letters;
mod lists;
mod node;
mod openapi;
mod origin;
mod owners;
mod recalibrations;
mod refusals;
mod replay;
mod serving;
mod settings;
mod statuses;
mod stream;
mod sub_owners;
mod tls;
mod world;
