//! One wish for many dead letters: replay or discard what waits, by reason and partition.
//!
//! Each letter is a transaction of its own, in the order of their places. A dry run counts what would be
//! tried: whether a letter can be read, only the trial tells.

use std::cell::RefCell;

use actix_web::web::Data;
use rollcall_model::{DeadReason, PartitionId};
use rollcall_pipeline::LetterOutcome;
use rollcall_store::{DeadLetterFilter, DeadLetterRow, DeadLetterState, LetterAnswer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bulk::{Mode, each};
use super::{Answer, ok};
use crate::auth::Caller;
use crate::body::Json;
use crate::whole::Whole;
use crate::{Problem, State};

/// Letters that are looked for at a time: each may have a megabyte.
const CHUNK: u32 = 20;

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DeadLettersBulk")]
pub(crate) struct Bulk {
    action: Action,
    /// Otherwise of any reason.
    reason: Option<DeadReason>,
    /// Otherwise of every partition.
    partition_id: Option<Whole<u32>>,
    #[serde(default)]
    dry_run: bool,
    /// Where the request before stopped.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeadLettersAction")]
enum Action {
    Replay,
    Discard,
}

pub(crate) async fn bulk(caller: Caller, state: Data<State>, body: Json<Bulk>) -> Answer {
    let Json(bulk) = body;
    let filter = DeadLetterFilter {
        state: Some(DeadLetterState::Open),
        reason: bulk.reason,
        partition_id: bulk.partition_id.map(|whole| PartitionId(whole.0)),
    };
    let page = async |cursor: Option<&str>| {
        let page = state.store.list_dead_letters(filter, CHUNK, cursor);
        Ok(page.await?)
    };
    let mode = Mode::of(bulk.dry_run);
    let changed = RefCell::new(Vec::new());
    let act = async |letter: &DeadLetterRow| {
        if mode == Mode::DryRun {
            return Ok(None);
        }
        let refused = one(&state, bulk.action, &letter.id).await?;
        if refused.is_none() {
            changed.borrow_mut().push(letter.id.clone());
        }
        Ok(refused)
    };
    let outcome = each(mode, bulk.cursor.clone(), page, act).await;
    if mode == Mode::Act {
        let ids = changed.into_inner();
        let after = json!({"asked": bulk, "outcome": outcome.as_ref().ok(), "dead_letters": ids});
        caller.made(&after);
    }
    ok(&outcome?)
}

/// Why a letter was left as it is. One that somebody else dealt with meanwhile is no fault.
async fn one(state: &State, action: Action, id: &str) -> Result<Option<&'static str>, Problem> {
    let id = id.parse().map_err(Problem::bad_request)?;
    if action == Action::Discard {
        return Ok(match state.store.discard_dead_letter(id).await? {
            LetterAnswer::Done => None,
            LetterAnswer::OwnerIs(is) => Some(is.as_str()),
            LetterAnswer::NotFound | LetterAnswer::NotOpen(_) => Some("not_open"),
        });
    }
    Ok(match state.desk.replay_letter(id, None).await? {
        LetterOutcome::Replayed => None,
        LetterOutcome::Undecodable(reason, _) => Some(reason.as_str()),
        LetterOutcome::Dropped(reason) => Some(reason.as_str()),
        LetterOutcome::OwnerIs(is) => Some(is.as_str()),
        LetterOutcome::NotFound | LetterOutcome::NotOpen(_) => Some("not_open"),
    })
}
