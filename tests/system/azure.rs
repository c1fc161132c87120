//! Azure as far as one machine shows it: `rollcall doctor azure` against a hub that behaves like
//! it, the credential's whole way from a token endpoint to `$cbs`, and AMQP over WebSockets.

use std::process::Output;
use std::sync::Arc;

use rollcall_hub::Hub;
use rollcall_model::SystemClock;
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::site::Site;
use crate::harness::tls::{Authority, Wrapping};

const TRIAL: &[&str] = &[
    "doctor",
    "azure",
    "--output",
    "json",
    "--send",
    "--partition",
    "1",
    "--consumer-group",
    "trial",
];
const TOKEN: &str = "a token of nobody's but this test's";

/// Name of the check → what was found; none of them may have failed.
fn found(output: &[u8]) -> Vec<(String, String)> {
    let checks: Vec<Value> = serde_json::from_slice(output).unwrap();
    let one = |check: &Value| {
        assert_eq!(check["fault"], Value::Null, "{check}");
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        (text("check"), text("detail"))
    };
    checks.iter().map(one).collect()
}

fn detail<'a>(checks: &'a [(String, String)], name: &str) -> &'a str {
    let check = checks.iter().find(|(check, _)| check == name);
    &check
        .unwrap_or_else(|| panic!("{name} is not in {checks:?}"))
        .1
}

fn talk(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn the_trial_finds_what_the_hub_does_and_its_events_enter_nobody() {
    let site = Site::embedded(2);
    let _node = site.start_node().await;
    let checks = found(site.answer(TRIAL).await.as_bytes());
    assert!(detail(&checks, "signs in and reads the hub").contains("2 partitions"));
    let numbering = detail(&checks, "numbers the events");
    assert!(
        numbering.starts_with("[0, 1, 2], right behind -1, without a hole"),
        "{numbering}"
    );
    for name in [
        "receives",
        "steals by epoch",
        "a lower epoch is refused",
        "closes",
    ] {
        detail(&checks, name);
    }
    site.settled().await;
    let tables = site.database().read().await;
    assert!(tables.owners.is_empty() && tables.statuses.is_empty());
    assert_eq!(tables.dead.len(), 3);
}

#[tokio::test]
async fn without_leave_nothing_is_sent() {
    let site = Site::embedded(2);
    let _node = site.start_node().await;
    let checks = found(site.answer(&TRIAL[..4]).await.as_bytes());
    assert!(detail(&checks, "sends, receives, steals").starts_with("not tried"));
    site.settled().await;
    assert!(site.database().read().await.dead.is_empty());
    let output = site.run(&["doctor", "azure", "--send"]).await;
    assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
}

#[tokio::test]
async fn what_is_wrong_with_a_hub_is_said_with_its_mend() {
    let mut site = Site::apart(2);
    let _hub = site.start_hub().await;
    let wrong = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;\
                 SharedAccessKey=d3Jvbmc=;UseDevelopmentEmulator=true";
    let endpoint = format!("amqp://127.0.0.1:{}", site.hub_port);
    let by_key = [
        "doctor",
        "azure",
        "--connection-string",
        wrong,
        "--endpoint",
        &endpoint,
    ];
    let unknown = ["doctor", "azure", "--event-hub", "unknown"];
    for (arguments, code, text) in [
        (&by_key[..], 1, "check the key of the connection string"),
        (&unknown, 1, "check source.event_hubs.event_hub"),
        (
            &[
                "doctor",
                "azure",
                "--fully-qualified-namespace",
                "nowhere.invalid",
            ],
            69,
            "check the name of the namespace",
        ),
    ] {
        if code == 69 {
            site.set(
                "source.event_hubs.custom_endpoint",
                "\"amqps://nowhere.invalid\"",
            );
        }
        let output = site.run(arguments).await;
        let talk = talk(&output);
        assert_eq!(output.status.code(), Some(code), "{talk}");
        assert!(talk.contains(text), "{text:?} is not in {talk}");
        assert!(!talk.contains("d3Jvbmc="), "{talk}");
    }
}

/// Entra, for one application with one secret.
async fn entra() -> MockServer {
    let server = MockServer::start().await;
    let token = json!({ "token_type": "Bearer", "expires_in": 3_600, "access_token": TOKEN });
    Mock::given(method("POST"))
        .and(path("/contoso/oauth2/v2.0/token"))
        .and(body_string_contains("client_secret=s3cret"))
        .respond_with(ResponseTemplate::new(200).set_body_json(token))
        .mount(&server)
        .await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_lets_us_in_over_websockets_from_its_secret_to_the_hub() {
    let site = Site::embedded(2);
    let hub = Hub::start(
        rollcall_hub::Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            partitions: 2,
            known_token: Some(TOKEN.to_owned()),
            ..rollcall_hub::Config::new(site.hub_dir())
        },
        Arc::new(SystemClock),
    )
    .await
    .unwrap();
    let trusted = site.path("authority.pem");
    let authority = Authority::new(&trusted);
    let entra = entra().await;
    let login = authority.before(*entra.address(), Wrapping::None).await;
    let websocket = authority.before(hub.address(), Wrapping::WebSocket).await;
    let endpoint = format!("amqps://localhost:{websocket}");
    let mut command = site.command(TRIAL);
    command
        .args([
            "--fully-qualified-namespace",
            "localhost",
            "--endpoint",
            &endpoint,
        ])
        .args(["--set", "source.event_hubs.transport=amqp_web_sockets"])
        .env("SSL_CERT_FILE", &trusted)
        .env("AZURE_AUTHORITY_HOST", format!("https://localhost:{login}"))
        .env("AZURE_TENANT_ID", "contoso")
        .env("AZURE_CLIENT_ID", "rollcall")
        .env("AZURE_CLIENT_SECRET", "s3cret");
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    let checks = found(&output.stdout);
    let opened = detail(&checks, "connection opens");
    assert!(
        opened.starts_with("by the credential auto over AMQP over WebSockets"),
        "{opened}"
    );
    detail(&checks, "steals by epoch");
    assert_eq!(hub.status().partitions[1].last_sequence_number, 2);
    assert_eq!(
        entra.received_requests().await.unwrap().len(),
        1,
        "one token serves all"
    );
    hub.stop().await;
}
