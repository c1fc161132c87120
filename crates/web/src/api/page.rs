//! The start page: static files, in the binary.

use actix_web::HttpResponse;
use actix_web::http::header;

/// Nothing from elsewhere, nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

pub(crate) async fn start() -> HttpResponse {
    file(
        "text/html; charset=utf-8",
        include_str!("../../page/start.html"),
    )
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

pub(crate) async fn icon() -> HttpResponse {
    file("image/svg+xml", include_str!("../../page/icon.svg"))
}

fn file(media_type: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .body(text)
}
