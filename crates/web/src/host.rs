//! Requests that name a host which is not this one are refused.
//!
//! A site can have its own name resolve to a loopback address once its page is loaded (DNS rebinding):
//! to the browser the page and this server are then one origin, and no other guard is in the way. What
//! the site cannot do is to have the browser name another host than its own. So the host has to be a
//! loopback one, or one that the settings name, such as that of a proxy. Programs that name none are
//! no browsers. Where callers sign in, any host will do: a browser has nothing to show under another
//! name, and the node is reached by whatever names its network has for it.

use std::net::IpAddr;

use actix_web::Error;
use actix_web::ResponseError as _;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::config::Auth;
use crate::{Config, Problem};

/// Answers 421 in the handler's place.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let Some(foreign) = foreign_host(&request) else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let detail = format!(
        "the host {foreign:?} is not this node's; ask 127.0.0.1 or localhost, or name it in \
         http.allowed_hosts if a proxy passes it on"
    );
    let refused = Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).error_response();
    Ok(request.into_response(refused).map_into_right_body())
}

/// The first host that the request names and that is not ours; one that is no text counts as such.
fn foreign_host(request: &ServiceRequest) -> Option<String> {
    let config = request.app_data::<Data<Config>>();
    if config.is_some_and(|config| config.auth == Auth::On) {
        return None;
    }
    let allowed = config.map_or(&[][..], |config| &config.allowed_hosts);
    let target = request.uri().authority().map(|host| host.as_str());
    let headers = request.headers().get_all(HOST);
    let named = headers.map(|value| value.to_str().unwrap_or_default());
    let mut named = target.into_iter().chain(named);
    let foreign = named.find(|host| !is_own(host, allowed));
    foreign.map(str::to_owned)
}

fn is_own(host: &str, allowed: &[String]) -> bool {
    let name = without_port(host);
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_allowed = allowed.iter().any(|own| own.eq_ignore_ascii_case(name));
    is_allowed || is_loopback(&name.to_ascii_lowercase())
}

/// No public name ends in `localhost` (RFC 6761).
fn is_loopback(name: &str) -> bool {
    let address = name.parse::<IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}
