//! An event as the parts of an HTTP request, by the HTTP binding of CloudEvents 1.0.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rollcall_store::Delivery;
use serde_json::value::RawValue;

use super::Mode;
use crate::SinkError;

const STRUCTURED: HeaderValue =
    HeaderValue::from_static("application/cloudevents+json; charset=utf-8");

/// What the binding demands to be encoded in a header: the space, `"`, `%` and all that is not
/// printable ASCII (which `utf8_percent_encode` always encodes beyond ASCII).
const HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// Headers and body of a request.
pub(super) struct Parts {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// # Errors
/// In binary mode, if the stored payload is no `CloudEvent`, which no retry mends.
pub(super) fn parts(event: &Delivery, mode: Mode) -> Result<Parts, SinkError> {
    match mode {
        Mode::Structured => Ok(Parts {
            headers: HeaderMap::from_iter([(CONTENT_TYPE, STRUCTURED)]),
            body: event.payload.clone(),
        }),
        Mode::Binary => binary(&event.payload).ok_or_else(|| SinkError::Permanent {
            reason: "the payload is not a CloudEvent with usable attributes".to_owned(),
        }),
    }
}

fn binary(payload: &str) -> Option<Parts> {
    let attributes: BTreeMap<String, &RawValue> = serde_json::from_str(payload).ok()?;
    let mut parts = Parts {
        headers: HeaderMap::new(),
        body: String::new(),
    };
    for (name, value) in attributes {
        match name.as_str() {
            "data" => value.get().clone_into(&mut parts.body),
            "datacontenttype" => {
                let media_type: String = serde_json::from_str(value.get()).ok()?;
                parts
                    .headers
                    .insert(CONTENT_TYPE, HeaderValue::from_str(&media_type).ok()?);
            }
            _ => {
                let name = HeaderName::try_from(format!("ce-{name}")).ok()?;
                parts.headers.insert(name, header_value(value.get())?);
            }
        }
    }
    Some(parts)
}

/// A string loses its quotes; a number or a boolean is its own text.
fn header_value(json: &str) -> Option<HeaderValue> {
    let text = if json.starts_with('"') {
        serde_json::from_str(json).ok()?
    } else {
        json.to_owned()
    };
    HeaderValue::try_from(utf8_percent_encode(&text, HEADER).to_string()).ok()
}

#[cfg(test)]
mod tests {
    use rollcall_model::Timestamp;
    use uuid::Uuid;

    use super::*;

    const PAYLOAD: &str = r#"{"specversion":"1.0","id":"7","source":"/rollcall/h/s","subject":"a%2Fb \"ü\"","datacontenttype":"application/json","data":{"gain":1.50}}"#;

    fn event(payload: &str) -> Delivery {
        Delivery {
            event_id: Uuid::nil(),
            event_type: "rollcall.owner.created".to_owned(),
            subject: "a".to_owned(),
            payload: payload.to_owned(),
            created_at: Timestamp::EPOCH,
            attempts: 0,
        }
    }

    #[test]
    fn in_structured_mode_the_body_is_the_stored_event() {
        let parts = parts(&event(PAYLOAD), Mode::Structured).unwrap();
        assert_eq!(parts.body, PAYLOAD);
        assert_eq!(
            parts.headers[CONTENT_TYPE],
            "application/cloudevents+json; charset=utf-8"
        );
    }

    #[test]
    fn in_binary_mode_the_body_is_the_exact_data_and_attributes_are_encoded_headers() {
        let parts = parts(&event(PAYLOAD), Mode::Binary).unwrap();
        assert_eq!(parts.body, r#"{"gain":1.50}"#);
        assert_eq!(parts.headers[CONTENT_TYPE], "application/json");
        assert_eq!(parts.headers["ce-subject"], "a%252Fb%20%22%C3%BC%22");
        assert_eq!(parts.headers["ce-source"], "/rollcall/h/s");
        assert_eq!(parts.headers["ce-specversion"], "1.0");
        assert!(!parts.headers.contains_key("ce-data"));
    }

    #[test]
    fn what_is_no_cloud_event_is_permanently_refused_in_binary_mode() {
        let refused = parts(&event("[1]"), Mode::Binary).err();
        assert!(matches!(refused, Some(SinkError::Permanent { .. })));
    }
}
