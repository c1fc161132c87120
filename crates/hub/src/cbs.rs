//! `$cbs`: a connection shows its tokens here before it may use the hub.

use rollcall_model::Timestamp;

use crate::request::{Answer, Request};
use crate::sas::{Grant, Key};

const SAS_TYPE: &str = "servicebus.windows.net:sastoken";

/// Checks the token of a request. The hub has no issuer of JSON web tokens to trust.
pub(crate) fn put_token(request: &Request, key: &Key, now: Timestamp) -> (Answer, Option<Grant>) {
    let refused = |status, text: String| (Answer::new(status, text), None);
    if request.property("operation") != Some("put-token") {
        return refused(400, "the operation is not put-token".to_owned());
    }
    let (Some(audience), Some(token)) = (request.property("name"), &request.body) else {
        return refused(400, "the request has no name or no token".to_owned());
    };
    if let Some(kind) = request.property("type")
        && kind != SAS_TYPE
    {
        return refused(
            401,
            format!("tokens of the type {kind} are not accepted here"),
        );
    }
    match key.check(token, audience, now) {
        Ok(grant) => (Answer::new(202, "Accepted"), Some(grant)),
        Err(error) => refused(401, error.to_string()),
    }
}
