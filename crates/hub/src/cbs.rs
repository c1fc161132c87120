//! `$cbs`: a connection shows its tokens here before it may use the hub.

use rollcall_model::Timestamp;

use crate::request::{Answer, Request};
use crate::sas::{Grant, Key};

const SAS_TYPE: &str = "servicebus.windows.net:sastoken";
const JSON_WEB_TOKEN: &str = "jwt";

/// Checks the token of a request. The hub has no issuer of JSON web tokens to trust: it takes none
/// but the `known` one, which only code can name.
pub(crate) fn put_token(
    request: &Request,
    key: &Key,
    known: Option<&str>,
    now: Timestamp,
) -> (Answer, Option<Grant>) {
    let refused = |status, text: String| (Answer::new(status, text), None);
    if request.property("operation") != Some("put-token") {
        return refused(400, "the operation is not put-token".to_owned());
    }
    let (Some(audience), Some(token)) = (request.property("name"), &request.body) else {
        return refused(400, "the request has no name or no token".to_owned());
    };
    match request.property("type") {
        None | Some(SAS_TYPE) => {}
        Some(JSON_WEB_TOKEN) if known.is_some_and(|known| known == token) => {
            return (Answer::new(202, "Accepted"), Some(Grant::all()));
        }
        Some(JSON_WEB_TOKEN) => {
            let text = "the embedded hub cannot check tokens of Entra: use a connection string";
            return refused(401, text.to_owned());
        }
        Some(kind) => {
            return refused(
                401,
                format!("tokens of the type {kind} are not accepted here"),
            );
        }
    }
    match key.check(token, audience, now) {
        Ok(grant) => (Answer::new(202, "Accepted"), Some(grant)),
        Err(error) => refused(401, error.to_string()),
    }
}
