//! The console, or the start page where the binary was built without it: static files, in the
//! binary.

use actix_web::http::header::{self, EntityTag, IfNoneMatch};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};

use super::Answer;
use crate::console::File;
use crate::{Config, Problem, Serves};

/// Nothing from elsewhere, nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";
/// Of files whose name changes with their contents.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Kept by the browser, and asked for each time whether it still holds.
const ASK_AGAIN: &str = "no-cache";

pub(crate) async fn start(request: HttpRequest, config: Data<Config>) -> HttpResponse {
    match config.console.index() {
        Some(index) => embedded(&request, index),
        None => file(
            "text/html; charset=utf-8",
            include_str!("../../page/start.html"),
        ),
    }
}

pub(crate) async fn style() -> HttpResponse {
    file(
        "text/css; charset=utf-8",
        include_str!("../../page/start.css"),
    )
}

pub(crate) async fn script() -> HttpResponse {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../../page/start.js"),
    )
}

pub(crate) async fn docs() -> HttpResponse {
    file(
        "text/html; charset=utf-8",
        include_str!("../../page/docs.html"),
    )
}

pub(crate) async fn docs_style() -> HttpResponse {
    file(
        "text/css; charset=utf-8",
        include_str!("../../page/docs.css"),
    )
}

pub(crate) async fn docs_script() -> HttpResponse {
    file(
        "text/javascript; charset=utf-8",
        include_str!("../../page/docs.js"),
    )
}

pub(crate) async fn icon() -> HttpResponse {
    file(
        "image/svg+xml",
        include_str!("../../console/public/icon.svg"),
    )
}

pub(crate) async fn asset(request: HttpRequest, config: Data<Config>) -> Answer {
    let path = request.uri().path();
    match config.console.file(path) {
        Some(file) => Ok(embedded(&request, file)),
        None => Err(Problem::not_found(format!(
            "there is nothing at {path}; load the page again: the node may have been replaced"
        ))),
    }
}

/// The console, for a browser that was sent to one of its pages; a program that mistook a path
/// gets the 404 that it can read.
pub(crate) fn deep_link(request: &HttpRequest) -> Option<HttpResponse> {
    let config = request.app_data::<Data<Config>>()?;
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let of_console = config.serves == Serves::Everything && !request.path().starts_with("/api/");
    if !(reads && of_console && wants_html(request)) {
        return None;
    }
    Some(embedded(request, config.console.index()?))
}

fn wants_html(request: &HttpRequest) -> bool {
    let accepts = request.headers().get_all(header::ACCEPT);
    accepts
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

fn embedded(request: &HttpRequest, file: &File) -> HttpResponse {
    // Weak, since the middleware may compress what it names.
    let etag = EntityTag::new_weak(file.etag.to_owned());
    let caching = if file.is_hashed() {
        FOR_EVER
    } else {
        ASK_AGAIN
    };
    let known = is_known(request, &etag);
    let mut answer = guarded(if known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    });
    answer
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header(header::ETag(etag));
    if known {
        answer.finish()
    } else {
        answer.content_type(file.media_type()).body(file.bytes)
    }
}

/// Whether the browser has it already.
fn is_known(request: &HttpRequest, etag: &EntityTag) -> bool {
    match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(etag)),
        None => false,
    }
}

fn file(media_type: &'static str, text: &'static str) -> HttpResponse {
    guarded(StatusCode::OK).content_type(media_type).body(text)
}

fn guarded(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY));
    answer
}
