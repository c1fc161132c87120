//! `ETag` is the resource's version in quotes; `If-Match` makes a change conditional on it.

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};

use crate::Problem;

/// The `ETag` of a version.
pub(crate) fn etag(version: i64) -> (header::HeaderName, String) {
    (header::ETAG, format!("\"{version}\""))
}

/// What a sender demands of the version that it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// No header, or `*`: any version of a resource that exists.
    Any,
    /// One of these.
    OneOf(Vec<String>),
}

fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    text == "*" || (opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"'))
}

impl IfMatch {
    /// # Errors
    /// 400, if a header is none of what it may be.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in request.headers().get_all(header::IF_MATCH) {
            let text = value.to_str();
            let text = text.map_err(|_| Problem::bad_request("If-Match is not text"))?;
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
            return Err(Problem::bad_request(format!(
                "If-Match: {tag:?} is neither * nor an ETag in quotes"
            )));
        }
        let any = tags.is_empty() || tags.iter().any(|tag| tag == "*");
        Ok(if any { Self::Any } else { Self::OneOf(tags) })
    }

    /// # Errors
    /// 412, if the version is not the one demanded. A weak tag never matches (RFC 9110, 13.1.1).
    pub(crate) fn check(&self, version: i64) -> Result<(), Problem> {
        let (_, tag) = etag(version);
        match self {
            Self::OneOf(tags) if !tags.contains(&tag) => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                format!("it has changed: its ETag is {tag} now; read it again"),
            )),
            _ => Ok(()),
        }
    }
}
