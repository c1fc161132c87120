//! What a request shows of who it is from: a key in `Authorization`, or a session in a cookie.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::AUTHORIZATION;

use super::secret::Secret;

/// The session's cookie.
const COOKIE: &str = "rollcall_session";

/// Where a secret came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Key,
    Session,
}

/// A secret that a request shows. A key goes before a session: who sends both means the key.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) kind: Kind,
    pub(crate) secret: Secret,
}

impl Credential {
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let key = || Some((Kind::Key, key(request)?));
        let session = || Some((Kind::Session, session(request)?));
        let (kind, secret) = key().or_else(session)?;
        Some(Self { kind, secret })
    }
}

fn key(request: &HttpRequest) -> Option<Secret> {
    let shown = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = shown.split_once(' ')?;
    let bearer = scheme.eq_ignore_ascii_case("bearer");
    bearer.then(|| Secret::shown(secret.trim()))
}

pub(crate) fn session(request: &HttpRequest) -> Option<Secret> {
    let cookie = request.cookie(COOKIE)?;
    Some(Secret::shown(cookie.value()))
}

/// The cookie of a session that has begun; an empty secret ends it in the browser. It goes as long as
/// the browser runs at most: the store knows when the session expires.
pub(crate) fn cookie(request: &HttpRequest, secret: Option<&Secret>) -> Cookie<'static> {
    let value = secret.map(|secret| secret.reveal().to_owned());
    let ends = value.is_none();
    let mut cookie = Cookie::build(COOKIE, value.unwrap_or_default())
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_encrypted(request))
        .finish();
    if ends {
        cookie.make_removal();
    }
    cookie
}

/// Whether the browser's own connection is encrypted, to here or to a proxy. Who lies about that only
/// makes the cookie stricter.
fn is_encrypted(request: &HttpRequest) -> bool {
    request.connection_info().scheme() == "https"
}
