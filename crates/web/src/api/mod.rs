//! The handlers, a file per theme.

pub(crate) mod approvals;
pub(crate) mod audit_log;
pub(crate) mod bulk;
pub(crate) mod dead_letters;
pub(crate) mod dead_letters_bulk;
pub(crate) mod decisions;
pub(crate) mod edit;
pub(crate) mod events;
pub(crate) mod gaps;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod node_settings;
pub(crate) mod nodes;
mod owner_feed;
pub(crate) mod owners;
pub(crate) mod owners_bulk;
pub(crate) mod page;
pub(crate) mod partitions;
pub(crate) mod recalibrations;
pub(crate) mod replay;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod statuses;
pub(crate) mod stream;
pub(crate) mod streams;
pub(crate) mod sub_owners;
pub(crate) mod summary;
pub(crate) mod users;

use actix_web::HttpResponse;
use rollcall_store::Page;
use serde::Serialize;

use crate::Problem;

/// What a handler gives back.
pub(crate) type Answer = Result<HttpResponse, Problem>;

fn ok(resource: &impl Serialize) -> Answer {
    Ok(HttpResponse::Ok().json(resource))
}

/// A list that is always shown whole, in the shape of the paged ones.
fn whole<T: Serialize>(items: Vec<T>) -> Answer {
    ok(&Page {
        items,
        next_cursor: None,
    })
}
