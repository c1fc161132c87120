//! Dead letters: list, read, replay, discard. The body is shown as text where it is UTF-8, and always as base64,
//! which keeps it exact.

use actix_web::HttpRequest;
use actix_web::web::Data;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine, alphabet};
use rollcall_pipeline::LetterOutcome;
use rollcall_store::{
    DeadLetterFilter, DeadLetterId, DeadLetterRow, DeadLetterState, LetterAnswer, Page,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::edit::conflict;
use super::{Answer, ok};
use crate::auth::Caller;
use crate::body::MaybeJson;
use crate::params::Params;
use crate::path::{DeadLetterPath, parse_partition};
use crate::problem::FieldFault;
use crate::{Problem, State};

/// Bits that the last character has too many are no fault.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A body may have a megabyte, so that a page is kept shorter than elsewhere.
const MAX_PAGE: u32 = 100;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub(crate) struct DeadLetterView {
    #[serde(flatten)]
    row: DeadLetterRow,
    /// Null, if the body is not UTF-8.
    body: Option<String>,
    body_base64: String,
}

pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let known = ["state", "reason", "partition_id", "limit", "cursor"];
    let params = Params::of(&request, &known)?;
    let filter = DeadLetterFilter {
        state: params.parsed("state", str::parse)?,
        reason: params.parsed("reason", str::parse)?,
        partition_id: params.parsed("partition_id", parse_partition)?,
    };
    let limit = params.limit(MAX_PAGE)?;
    let page = state
        .store
        .list_dead_letters(filter, limit, params.cursor())
        .await?;
    ok(&Page {
        items: page.items.into_iter().map(view).collect(),
        next_cursor: page.next_cursor,
    })
}

pub(crate) async fn read(state: Data<State>, path: DeadLetterPath) -> Answer {
    let DeadLetterPath(id) = path;
    ok(&view(found(&state, id).await?))
}

async fn found(state: &State, id: DeadLetterId) -> Result<DeadLetterRow, Problem> {
    let row = state.store.dead_letter(&id.to_string()).await?;
    row.ok_or_else(|| no_letter(id))
}

/// A body in the letter's stead, as text or as bytes.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "MendedLetter",
    extend("not" = {
        "required": ["body", "body_base64"],
        "properties": {"body": {"type": "string"}, "body_base64": {"type": "string"}},
    })
)]
pub(crate) struct Mended {
    body: Option<String>,
    #[schemars(regex(pattern = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"))]
    body_base64: Option<String>,
}

impl Mended {
    fn bytes(self) -> Result<Option<Vec<u8>>, Problem> {
        match (self.body, self.body_base64) {
            (Some(_), Some(_)) => Err(Problem::bad_request(
                "give body or body_base64, and not both",
            )),
            (Some(text), None) => Ok(Some(text.into_bytes())),
            (None, Some(text)) => LENIENT.decode(text).map(Some).map_err(|error| {
                Problem::unprocessable(vec![FieldFault {
                    field: "body_base64".to_owned(),
                    detail: error.to_string(),
                }])
            }),
            (None, None) => Ok(None),
        }
    }
}

/// Stores the letter at its own place. Without a body in the request, its own is tried again: what
/// it lacked may be there by now, such as the owner or another setting of `decode`.
pub(crate) async fn replay(
    caller: Caller,
    state: Data<State>,
    path: DeadLetterPath,
    request: HttpRequest,
    MaybeJson(mended): MaybeJson<Mended>,
) -> Answer {
    Params::of(&request, &[])?;
    let DeadLetterPath(id) = path;
    let mended = mended.unwrap_or_default().bytes()?;
    let before = state.store.dead_letter(&id.to_string()).await?.map(view);
    let outcome = state.desk.replay_letter(id, mended).await?;
    replayed(id, outcome)?;
    let row = view(found(&state, id).await?);
    caller.changed(&before, &row);
    ok(&row)
}

/// The letter stays as it is, and nobody is reminded of it any more.
pub(crate) async fn discard(
    caller: Caller,
    state: Data<State>,
    path: DeadLetterPath,
    request: HttpRequest,
) -> Answer {
    Params::of(&request, &[])?;
    let DeadLetterPath(id) = path;
    let before = state.store.dead_letter(&id.to_string()).await?.map(view);
    discarded(id, state.store.discard_dead_letter(id).await?)?;
    let row = view(found(&state, id).await?);
    caller.changed(&before, &row);
    ok(&row)
}

/// # Errors
/// What there is to say to whoever asked, where nothing was changed.
pub(super) fn replayed(id: DeadLetterId, outcome: LetterOutcome) -> Result<(), Problem> {
    match outcome {
        LetterOutcome::Replayed => Ok(()),
        LetterOutcome::NotFound => Err(no_letter(id)),
        LetterOutcome::NotOpen(is) => Err(not_open(id, is)),
        LetterOutcome::Undecodable(reason, detail) => {
            Err(Problem::unprocessable(vec![FieldFault {
                field: "body".to_owned(),
                detail: format!("{}: {detail}", reason.as_str()),
            }]))
        }
        LetterOutcome::OwnerIs(is) => {
            let detail = format!("its owner is {is}; it takes statuses once it is active");
            Err(conflict(detail))
        }
        LetterOutcome::Dropped(reason) => Err(conflict(format!(
            "it would be dropped as {}; enter, approve or restore its owner first",
            reason.as_str()
        ))),
    }
}

pub(super) fn discarded(id: DeadLetterId, answer: LetterAnswer) -> Result<(), Problem> {
    match answer {
        LetterAnswer::Done => Ok(()),
        LetterAnswer::NotFound => Err(no_letter(id)),
        LetterAnswer::NotOpen(is) => Err(not_open(id, is)),
        LetterAnswer::OwnerIs(is) => Err(conflict(format!("its owner is {is}"))),
    }
}

fn no_letter(id: DeadLetterId) -> Problem {
    Problem::not_found(format!("there is no dead letter \"{id}\""))
}

fn not_open(id: DeadLetterId, is: DeadLetterState) -> Problem {
    conflict(format!("dead letter {id} is {} already", is.as_str()))
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
