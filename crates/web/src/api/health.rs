//! Whether the process lives, whether it should get traffic, and its metrics.

use actix_web::HttpResponse;
use actix_web::web::Data;
use prometheus_client::encoding::text::encode;
use serde_json::json;

use super::Answer;
use crate::{Config, Problem, State, openapi};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process answers: there is nothing else to it, so that a database that is away does not get
/// the process killed.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// 503 with the reasons, while the node cannot do its work.
pub(crate) async fn ready(state: Data<State>) -> Answer {
    let readiness = state.desk.readiness();
    if readiness.ready && readiness.warnings.is_empty() {
        Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
    } else if readiness.ready {
        // A partition that stopped at a gap needs somebody, who needs this node's API.
        let warnings = readiness.warnings;
        Ok(HttpResponse::Ok().json(json!({"status": "ready", "warnings": warnings})))
    } else {
        Err(Problem::not_ready(readiness.reasons))
    }
}

/// The API as OpenAPI 3.1, made when it is asked for the first time.
pub(crate) async fn document(config: Data<Config>) -> HttpResponse {
    HttpResponse::Ok().json(openapi::document(config.auth))
}

pub(crate) async fn metrics(state: Data<State>) -> HttpResponse {
    let mut text = String::new();
    match encode(&mut text, &state.registry) {
        Ok(()) => HttpResponse::Ok().content_type(OPEN_METRICS).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}
