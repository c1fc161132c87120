//! Dead letters: list and read. The body is shown as text where it is UTF-8, and always as base64,
//! which keeps it exact.

use actix_web::HttpRequest;
use actix_web::web::Data;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rollcall_store::{DeadLetterRow, DeadLetterState, Page};
use serde::Serialize;

use super::{Answer, ok};
use crate::params::Params;
use crate::path::DeadLetterPath;
use crate::{Problem, State};

/// A body may have a megabyte, so that a page is kept shorter than elsewhere.
const MAX_PAGE: u32 = 100;

#[derive(Serialize)]
struct DeadLetterView {
    #[serde(flatten)]
    row: DeadLetterRow,
    /// Null, if the body is not UTF-8.
    body: Option<String>,
    body_base64: String,
}

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let params = Params::of(&request, &["state", "limit", "cursor"])?;
    let only = params.parsed("state", parse_state)?;
    let limit = params.limit(MAX_PAGE)?;
    let page = state
        .store
        .list_dead_letters(only, limit, params.cursor())
        .await?;
    ok(&Page {
        items: page.items.into_iter().map(view).collect(),
        next_cursor: page.next_cursor,
    })
}

pub(crate) async fn read(state: Data<State>, path: DeadLetterPath) -> Answer {
    let DeadLetterPath(id) = path;
    match state.store.dead_letter(&id).await? {
        Some(row) => ok(&view(row)),
        None => Err(Problem::not_found(format!(
            "there is no dead letter {id:?}"
        ))),
    }
}

fn view(mut row: DeadLetterRow) -> DeadLetterView {
    let body = std::mem::take(&mut row.body);
    let body_base64 = STANDARD.encode(&body);
    let body = String::from_utf8(body).ok();
    DeadLetterView {
        row,
        body,
        body_base64,
    }
}

fn parse_state(text: &str) -> Result<DeadLetterState, String> {
    match text {
        "open" => Ok(DeadLetterState::Open),
        "replayed" => Ok(DeadLetterState::Replayed),
        "discarded" => Ok(DeadLetterState::Discarded),
        _ => Err(format!("{text:?} is not one of open, replayed, discarded")),
    }
}
