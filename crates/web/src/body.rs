//! JSON bodies, read strictly.
//!
//! The media type is demanded, also because a page of another origin cannot set it without asking
//! the browser first: it keeps such pages from changing anything.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpRequest};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::FieldFault;
use crate::{Config, Problem};

const MEDIA_TYPES: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// A body of type `T`.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            check_media_type(&request)?;
            let body = collect(payload, max_bytes(&request)).await?;
            parse(&body).map(Self)
        })
    }
}

/// A body that may be left out. One that is there is read as strictly as any.
pub(crate) struct MaybeJson<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for MaybeJson<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = collect(payload, max_bytes(&request)).await?;
            if body.is_empty() {
                return Ok(Self(None));
            }
            check_media_type(&request)?;
            parse(&body).map(Some).map(Self)
        })
    }
}

fn max_bytes(request: &HttpRequest) -> usize {
    let config = request.app_data::<Data<Config>>();
    config.map_or(0, |config| config.max_body_bytes)
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let text = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = text
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if MEDIA_TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(essence))
    {
        return Ok(());
    }
    let detail = format!("send the body with Content-Type: {}", MEDIA_TYPES[0]);
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

async fn collect(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))?;
        if body.len() + chunk.len() > limit {
            let detail = format!("a body has at most {limit} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A body is an object; what serde reads of a struct may be a list too.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let (field, detail) = ("body".to_owned(), "it is a list, not an object".to_owned());
        return Err(Problem::unprocessable(vec![FieldFault { field, detail }]));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => {
            let (field, detail) = ("body".to_owned(), error.to_string());
            Problem::unprocessable(vec![FieldFault { field, detail }])
        }
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::bad_request(format!("the body is not JSON: {error}"))
        }
    })
}
