//! The outbox: what was announced, where each sink stands with it, and sending again.
//!
//! Sending again takes no body, so its media type cannot keep pages of other origins away; all that
//! such a page could bring about is a repeat under the same id.

use actix_web::HttpRequest;
use actix_web::web::Data;
use rollcall_store::{EventFilter, Order, ResendMode, Resent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Answer, ok, whole};
use crate::auth::Caller;
use crate::body::Json;
use crate::params::{MAX_LIMIT, Params};
use crate::path::EventPath;
use crate::{Problem, State};

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["state", "sink", "order", "limit", "cursor"])?;
    let filter = EventFilter {
        state: params.parsed("state", str::parse)?,
        sink: params.text("sink").map(str::to_owned),
        order: params
            .parsed("order", parse_order)?
            .unwrap_or(Order::OldestFirst),
    };
    let limit = params.limit(MAX_LIMIT)?;
    let page = state.store.list_events(&filter, limit, params.cursor());
    ok(&page.await?)
}

pub(crate) async fn read(state: Data<State>, path: EventPath) -> Answer {
    let EventPath(event_id) = path;
    match state.store.event(event_id).await? {
        Some(event) => ok(&event),
        None => Err(no_event(event_id)),
    }
}

pub(crate) async fn resend(
    caller: Caller,
    state: Data<State>,
    path: EventPath,
    request: HttpRequest,
) -> Answer {
    let EventPath(event_id) = path;
    let params = Params::of(&request, &["sink"])?;
    let sink = params.text("sink");
    match state.store.resend_event(event_id, sink).await? {
        Resent::NoEvent => Err(no_event(event_id)),
        Resent::NoSink => Err(no_sink(sink.unwrap_or_default())),
        Resent::Due(deliveries) => {
            caller.made(&json!({"sink": sink, "deliveries": deliveries}));
            tracing::info!(%event_id, deliveries, "event {event_id} is due again at {deliveries} sinks");
            read(state, EventPath(event_id)).await
        }
    }
}

/// One wish for many events.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EventsBulk")]
pub(crate) struct Bulk {
    action: Action,
    /// At this sink; otherwise at every one.
    sink: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EventsAction")]
enum Action {
    ResendParked,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventsCounted")]
pub(crate) struct Counted {
    /// Deliveries that are due again, or would be.
    deliveries: u64,
    dry_run: bool,
}

pub(crate) async fn bulk(caller: Caller, state: Data<State>, body: Json<Bulk>) -> Answer {
    let Bulk {
        action: Action::ResendParked,
        sink,
        dry_run,
    } = body.0;
    let mode = match dry_run {
        true => ResendMode::DryRun,
        false => ResendMode::Resend,
    };
    match state.store.resend_parked(sink.as_deref(), mode).await? {
        Resent::Due(deliveries) => {
            if mode == ResendMode::Resend {
                caller.made(&json!({"sink": sink, "deliveries": deliveries}));
            }
            ok(&Counted {
                deliveries,
                dry_run,
            })
        }
        Resent::NoSink | Resent::NoEvent => Err(no_sink(&sink.unwrap_or_default())),
    }
}

/// Every sink, and how far the outbox is there.
pub(crate) async fn sinks(state: Data<State>, request: HttpRequest) -> Answer {
    Params::of(&request, &[])?;
    whole(state.store.outbox_standing().await?)
}

fn no_event(event_id: Uuid) -> Problem {
    Problem::not_found(format!("there is no event {event_id}"))
}

fn no_sink(name: &str) -> Problem {
    Problem::not_found(format!(
        "no sink {name:?} is registered; GET /api/v1/sinks lists them"
    ))
}

fn parse_order(text: &str) -> Result<Order, String> {
    match text {
        "asc" => Ok(Order::OldestFirst),
        "desc" => Ok(Order::NewestFirst),
        _ => Err(format!("{text:?} is neither desc nor asc")),
    }
}
