//! What every theme needs: a place to run in, senders, the API, the tables, the truth, the ledger.
//!
//! ```text
//! Site ─▶ Running (rollcall run, rollcall hub)      Sender ─▶ hub ─▶ node ─▶ tables
//!                                                             │                │
//!                                          Truth (its log) ◀──┘     Tables ◀───┘
//!                                                  └────▶ Ledger ◀────┘
//! ```

pub(crate) mod acknowledged;
pub(crate) mod api;
pub(crate) mod database;
pub(crate) mod fleet;
pub(crate) mod ledger;
pub(crate) mod link;
pub(crate) mod message;
pub(crate) mod port;
pub(crate) mod receiver;
pub(crate) mod running;
pub(crate) mod scatter;
pub(crate) mod scene;
pub(crate) mod seed;
pub(crate) mod sender;
pub(crate) mod site;
pub(crate) mod stranger;
pub(crate) mod tables;
pub(crate) mod tls;
pub(crate) mod truth;
pub(crate) mod wait;
