//! Changes that another site has a browser send are refused.
//!
//! A body needs a media type that such a site cannot set unasked, but some changes have no body. So a
//! browser's own word counts as well: `Sec-Fetch-Site`, and where it does not come (over plain HTTP
//! to another machine) `Origin`, which must name the host that was asked. Programs send neither.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _};

use crate::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// From this page itself, or typed by a person.
const OWN: [&str; 2] = ["same-origin", "none"];

/// Answers 403 in the handler's place.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    if changes(request.method()) && !is_own(request.headers()) {
        let detail = "another site had the browser send this; open the console under the address \
                      that this node or its proxy has, and do it there";
        let refused = Problem::new(StatusCode::FORBIDDEN, detail).error_response();
        return Ok(request.into_response(refused).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

fn changes(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    match (text(SEC_FETCH_SITE), text(ORIGIN), text(HOST)) {
        (Some(site), _, _) => OWN.contains(&site),
        (None, Some(origin), Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, own)| own.eq_ignore_ascii_case(host)),
        (None, Some(_), None) => false,
        (None, None, _) => true,
    }
}
