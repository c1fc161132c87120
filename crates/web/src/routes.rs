//! The table of routes. Each resource answers methods that it does not have with 405 and the ones
//! that it has.

use actix_web::guard::{Any, Get, Head};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Handler, HttpRequest, HttpResponse, Resource, Responder, Route};

use actix_web::middleware::from_fn;

use crate::api::{
    approvals, audit_log, dead_letters, dead_letters_bulk, decisions, events, gaps, health, keys,
    node_settings, nodes, owners, owners_bulk, page, partitions, recalibrations, replay, session,
    settings, statuses, stream, streams, sub_owners, summary, users,
};
use crate::{Config, Problem, Serves, auth};

pub(crate) fn all(config: &mut ServiceConfig) {
    config
        .service(only_read("/", page::start))
        .service(only_read("/start.css", page::style))
        .service(only_read("/start.js", page::script))
        .service(only_read("/icon.svg", page::icon))
        .service(only_read("/openapi.json", health::document))
        .service(only_read("/docs", page::docs))
        .service(only_read("/docs.css", page::docs_style))
        .service(only_read("/docs.js", page::docs_script))
        .service(only_read("/assets/{name}", page::asset))
        .configure(health)
        // Before the scope that it opens.
        .service(
            resource("/api/v1/session", "DELETE, GET, HEAD, POST")
                .route(read(session::read))
                .route(web::post().to(session::open))
                .route(web::delete().to(session::close)),
        )
        .service(
            web::scope("/api/v1")
                .wrap(from_fn(auth::guard))
                .configure(api)
                .configure(access_routes),
        );
}

/// What every node answers, whatever its roles.
pub(crate) fn health(config: &mut ServiceConfig) {
    config
        .service(only_read("/livez", health::live))
        .service(only_read("/readyz", health::ready))
        .service(only_read("/metrics", health::metrics));
}

fn api(config: &mut ServiceConfig) {
    config
        .service(only_read("/summary", summary::read))
        .service(only_read("/partitions", partitions::list))
        .service(
            resource("/partitions/{partition_id}/replay", "GET, HEAD, POST")
                .route(read(replay::read))
                .route(web::post().to(replay::start)),
        )
        .service(
            resource("/partitions/{partition_id}/accept-gap", "POST")
                .route(web::post().to(gaps::accept)),
        )
        .service(only_read("/gaps", gaps::list))
        .service(resource("/stream", "GET").route(web::get().to(stream::open)))
        .service(only_read("/streams", streams::list))
        .service(only_read("/nodes", nodes::list))
        .service(only_read("/shards", nodes::shards))
        .service(only_read("/sinks", events::sinks))
        .service(only_read("/events", events::list))
        .service(resource("/events:bulk", "POST").route(web::post().to(events::bulk)))
        .service(only_read("/events/{id}", events::read))
        .service(resource("/events/{id}/resend", "POST").route(web::post().to(events::resend)))
        .service(only_read("/dead-letters", dead_letters::list))
        .service(only_post("/dead-letters:bulk", dead_letters_bulk::bulk))
        .service(only_read("/dead-letters/{id}", dead_letters::read))
        .service(only_post("/dead-letters/{id}/replay", dead_letters::replay))
        .service(only_post(
            "/dead-letters/{id}/discard",
            dead_letters::discard,
        ))
        .service(only_read("/recalibrations", recalibrations::list))
        .service(only_read("/recalibrations/{id}", recalibrations::read))
        .service(only_post(
            "/recalibrations/{id}/pause",
            recalibrations::pause,
        ))
        .service(only_post(
            "/recalibrations/{id}/resume",
            recalibrations::resume,
        ))
        .service(only_post(
            "/recalibrations/{id}/cancel",
            recalibrations::cancel,
        ))
        .configure(owner_routes);
}

/// Who may ask, and who changed what: for admins.
fn access_routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/keys", "GET, HEAD, POST")
                .route(read(keys::list))
                .route(web::post().to(keys::create)),
        )
        .service(only_post("/keys/{key_id}/revoke", keys::revoke))
        .service(
            resource("/users", "GET, HEAD, POST")
                .route(read(users::list))
                .route(web::post().to(users::create)),
        )
        .service(
            resource("/users/{user_name}", "DELETE, PATCH")
                .route(web::patch().to(users::change))
                .route(web::delete().to(users::delete)),
        )
        .service(only_read("/audit", audit_log::list))
        .service(only_read("/settings", node_settings::list));
}

fn owner_routes(config: &mut ServiceConfig) {
    const LIST: &str = "GET, HEAD, POST";
    const OWNER: &str = "DELETE, GET, HEAD, PATCH";
    let owner_list = resource("/owners", LIST).route(read(owners::list));
    let owner = resource("/owners/{owner_id}", OWNER).route(read(owners::read));
    let sub_owner_list =
        resource("/owners/{owner_id}/sub-owners", LIST).route(read(sub_owners::list));
    let sub_owner = resource("/owners/{owner_id}/sub-owners/{sub_owner_id}", OWNER)
        .route(read(sub_owners::read));
    config
        .service(only_read("/approvals", approvals::list))
        .service(only_post("/owners:bulk", owners_bulk::bulk))
        .service(owner_list.route(web::post().to(owners::create)))
        .service(
            owner
                .route(web::patch().to(owners::change))
                .route(web::delete().to(decisions::delete)),
        )
        .service(only_post("/owners/{owner_id}/approve", decisions::approve))
        .service(only_post("/owners/{owner_id}/block", decisions::block))
        .service(only_post("/owners/{owner_id}/restore", decisions::restore))
        .service(only_read(
            "/owners/{owner_id}/settings/history",
            settings::history,
        ))
        .service(only_post(
            "/owners/{owner_id}/settings:preview",
            settings::preview,
        ))
        .service(only_post(
            "/owners/{owner_id}/recalibrations",
            recalibrations::create,
        ))
        .service(sub_owner_list.route(web::post().to(sub_owners::create)))
        .service(
            sub_owner
                .route(web::patch().to(sub_owners::change))
                .route(web::delete().to(sub_owners::delete)),
        )
        .service(only_read(
            "/owners/{owner_id}/sub-owners/{sub_owner_id}/statuses",
            statuses::list,
        ));
}

/// Nothing is known under this path, but perhaps to the console.
pub(crate) async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if let Some(page) = page::deep_link(&request) {
        return Ok(page);
    }
    let path = request.uri().path();
    let config = request.app_data::<Data<Config>>();
    let advice = match config.map(|config| config.serves) {
        Some(Serves::Health) => "this node has not the role api: ask one that has",
        _ => "the API is under /api/v1",
    };
    Err(Problem::not_found(format!(
        "there is nothing at {path}; {advice}"
    )))
}

fn resource(path: &str, allow: &'static str) -> Resource {
    let refuse = move || std::future::ready(refused(allow));
    web::resource(path).default_service(web::to(refuse))
}

fn refused(allow: &'static str) -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed(allow))
}

fn only_read<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "GET, HEAD").route(read(handler))
}

fn only_post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "POST").route(web::post().to(handler))
}

fn read<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().guard(Any(Get()).or(Head())).to(handler)
}
