use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use rollcall_model::{Clock, Timestamp};
use rollcall_store::Delivery;
use sha2::Sha256;
use uuid::Uuid;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::webhook::{Config, Mode, Secret, WebhookSink};
use crate::{Sink, SinkConfig, SinkError, SinkKind};

const PAYLOAD: &str = r#"{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000007","type":"rollcall.owner.created","source":"/rollcall/localhost/statuses","subject":"z%C3%A4hler","datacontenttype":"application/json","data":{"owner_id":"zähler"}}"#;

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::parse("2026-11-23T10:00:00Z").unwrap()
    }
}

fn event() -> Delivery {
    Delivery {
        event_id: Uuid::from_u128(7),
        event_type: "rollcall.owner.created".to_owned(),
        subject: "z%C3%A4hler".to_owned(),
        payload: PAYLOAD.to_owned(),
        created_at: Timestamp::EPOCH,
        attempts: 0,
    }
}

fn config(url: String) -> Config {
    Config {
        url,
        secret: None,
        mode: Mode::Structured,
        allow_private: true,
    }
}

async fn send(config: &Config) -> Result<(), SinkError> {
    let sink = WebhookSink::new(config, Arc::new(StoppedClock)).unwrap();
    sink.send(&event()).await
}

async fn receiver(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn structured_mode_posts_the_stored_event() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/hook"))
        .and(header(
            "content-type",
            "application/cloudevents+json; charset=utf-8",
        ))
        .and(body_string(PAYLOAD))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(
        send(&config(format!("{}/hook", server.uri()))).await,
        Ok(())
    );
}

#[tokio::test]
async fn binary_mode_posts_the_data_with_attributes_as_headers() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("content-type", "application/json"))
        .and(header("ce-id", "00000000-0000-0000-0000-000000000007"))
        .and(header("ce-type", "rollcall.owner.created"))
        .and(header("ce-subject", "z%25C3%25A4hler"))
        .and(body_string(r#"{"owner_id":"zähler"}"#))
        .respond_with(ResponseTemplate::new(200).set_body_string("thanks"))
        .expect(1)
        .mount(&server)
        .await;
    let config = Config {
        mode: Mode::Binary,
        ..config(server.uri())
    };
    assert_eq!(send(&config).await, Ok(()));
}

#[tokio::test]
async fn a_receiver_with_the_secret_can_check_the_signature() {
    let server = receiver(ResponseTemplate::new(200)).await;
    let secret = Some(Secret::new("a secret"));
    assert_eq!(
        send(&Config {
            secret,
            ..config(server.uri())
        })
        .await,
        Ok(())
    );

    let request: Request = server.received_requests().await.unwrap().remove(0);
    let text = |name| request.headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(text("webhook-id"), event().event_id.to_string());
    assert_eq!(text("webhook-timestamp"), "1795428000");
    let signed = text("webhook-signature").strip_prefix("v1,").unwrap();
    let mut hmac = Hmac::<Sha256>::new_from_slice(b"a secret").unwrap();
    hmac.update(format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes());
    hmac.update(&request.body);
    hmac.verify_slice(&STANDARD.decode(signed).unwrap())
        .unwrap();
}

#[tokio::test]
async fn retry_after_is_handed_on_as_seconds_or_date() {
    for (status, value, seconds) in [(429, "7", 7), (503, "Mon, 23 Nov 2026 10:01:00 GMT", 60)] {
        let answer = ResponseTemplate::new(status).insert_header("retry-after", value);
        let server = receiver(answer).await;
        let error = send(&config(server.uri())).await.unwrap_err();
        assert_eq!(
            error.retry_after(),
            Some(Duration::from_secs(seconds)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn answers_are_told_apart_by_who_has_to_act() {
    for (status, permanent) in [
        (408, false),
        (500, false),
        (302, true),
        (400, true),
        (410, true),
    ] {
        let server = receiver(ResponseTemplate::new(status)).await;
        let error = send(&config(server.uri())).await.unwrap_err();
        let is_permanent = matches!(error, SinkError::Permanent { .. });
        assert_eq!(is_permanent, permanent, "{status}: {error}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = receiver(ResponseTemplate::new(200)).await;
    let answer = ResponseTemplate::new(307).insert_header("location", target.uri());
    let server = receiver(answer).await;
    assert!(send(&config(server.uri())).await.is_err());
    assert!(target.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_name_of_the_inside_is_refused_where_it_is_resolved() {
    let server = receiver(ResponseTemplate::new(200)).await;
    let url = format!("http://localhost:{}/hook", server.address().port());
    let guarded = Config {
        allow_private: false,
        ..config(url.clone())
    };
    let error = send(&guarded).await.unwrap_err();
    assert!(error.to_string().contains("set allow_private"), "{error}");
    assert!(server.received_requests().await.unwrap().is_empty());
    assert_eq!(
        send(&config(url)).await,
        Ok(()),
        "the same receiver is allowed"
    );
}

#[test]
fn all_unusable_sinks_are_named_at_once() {
    let sink = |name: &str, url: &str| SinkConfig {
        name: name.to_owned(),
        types: Vec::new(),
        kind: SinkKind::Webhook(Config {
            allow_private: false,
            ..config(url.to_owned())
        }),
    };
    let sinks = vec![
        sink("a", "https://hooks.example/"),
        sink("a", "ftp://hooks.example/"),
        sink("b", "http://169.254.169.254/latest?token=hush"),
        sink("c", "hooks.example"),
    ];
    let faults: Vec<_> = crate::Config::new(sinks)
        .faults()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(faults[0].contains("two sinks have this name"), "{faults:?}");
    assert!(faults[1].contains("begins with neither"), "{faults:?}");
    assert!(
        faults[2].contains("169.254.169.254 is not on a public address"),
        "{faults:?}"
    );
    assert!(faults[3].contains("url: "), "{faults:?}");
    assert!(!faults.concat().contains("hush"), "{faults:?}");
}

#[tokio::test]
async fn neither_url_nor_secret_show_in_errors_or_debug_output() {
    let secret = Some(Secret::new("hush-secret"));
    let config = Config {
        secret,
        ..config("http://user:hush-password@localhost:1/hush-path".to_owned())
    };
    let error = send(&config).await.unwrap_err();
    let shown = format!("{error} {error:?} {config:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(
        error.to_string().contains("no answer from localhost"),
        "{shown}"
    );
}
