//! Errors as RFC 9457 problems: what the sender sees. What the log sees is written here too, once,
//! where an inner error becomes a problem.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use rollcall_store::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use uuid::Uuid;

/// Seconds after which a sender may try again when the node is unable for a while.
const RETRY_AFTER_SECONDS: u64 = 1;

/// An answer that is not what the sender hoped for. Small, since every handler may return it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct Parts {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    #[schemars(with = "u16")]
    status: StatusCode,
    /// What is wrong and how to mend it: for people, without a full stop where it is one clause.
    detail: String,
    /// Several faults of one body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldFault>,
    /// Why the node is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// Where the log has more.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip)]
    allow: Option<&'static str>,
    #[serde(skip)]
    retry_after_seconds: Option<u64>,
}

/// One wrong field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FieldFault {
    /// Such as `settings.sub_owners.7.gain`.
    pub(crate) field: String,
    pub(crate) detail: String,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl JsonSchema for Problem {
    fn schema_name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Parts::json_schema(generator)
    }
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            reasons: Vec::new(),
            instance: None,
            allow: None,
            retry_after_seconds: None,
        }))
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn unprocessable(errors: Vec<FieldFault>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.detail),
            many => format!("{} fields cannot be used", many.len()),
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        problem.0.errors = errors;
        problem
    }

    pub(crate) fn not_ready(reasons: Vec<String>) -> Self {
        let mut problem = Self::unavailable(reasons.join("; "));
        problem.0.reasons = reasons;
        problem
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("this resource takes {allow}");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, detail);
        problem.0.allow = Some(allow);
        problem
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.0.retry_after_seconds = Some(RETRY_AFTER_SECONDS);
        problem
    }

    /// Whoever asks has to show who they are.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// Whoever asks has to wait for so long, told in whole seconds.
    pub(crate) fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(1);
        let detail = format!("these are too many requests; go on in {seconds} s");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, detail);
        problem.0.retry_after_seconds = Some(seconds);
        problem
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.0.status == StatusCode::CONFLICT
    }

    /// Logs what it is, answers only that it is, under an id that finds the log line.
    fn internal(error: &dyn StdError) -> Self {
        let id = Uuid::new_v4();
        tracing::error!(%id, error = %chain(error), "a request failed: {error}");
        let detail = format!("something went wrong inside; the log has it under {id}");
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
        problem.0.instance = Some(format!("urn:uuid:{id}"));
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.title, self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.0.status);
        answer.content_type("application/problem+json");
        if let Some(seconds) = self.0.retry_after_seconds {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"rollcall\""));
        }
        if let Some(allow) = self.0.allow {
            answer.insert_header((header::ALLOW, allow));
        }
        // Plain fields with text keys always have a JSON form.
        answer.body(serde_json::to_string(self).unwrap_or_default())
    }
}

impl From<rollcall_store::Error> for Problem {
    fn from(error: rollcall_store::Error) -> Self {
        match error.kind {
            Kind::Unavailable | Kind::Unknown => {
                tracing::warn!(error = %chain(&error), "the database is not available: {error}");
                Self::unavailable("the database is not available just now; try again")
            }
            Kind::BadCursor => Self::not_found(
                "cursor: there is no such page, since this list never gave it; leave it out to begin",
            ),
            Kind::RefusedData | Kind::Schema | Kind::Defect => Self::internal(&error),
        }
    }
}

impl From<rollcall_pipeline::Error> for Problem {
    fn from(error: rollcall_pipeline::Error) -> Self {
        match error {
            rollcall_pipeline::Error::Restarting { .. }
            | rollcall_pipeline::Error::TimedOut { .. } => {
                Self::unavailable(format!("{error}; try again"))
            }
            rollcall_pipeline::Error::Store(error) => error.into(),
            rollcall_pipeline::Error::Source(_) | rollcall_pipeline::Error::Claims(_) => {
                Self::internal(&error)
            }
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
