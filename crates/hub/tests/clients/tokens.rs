//! `$cbs` with several sessions on one connection, and the kinds of tokens that it takes.

use std::sync::Arc;

use azure_core::credentials::Secret;
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use azure_core_amqp::{
    AmqpClaimsBasedSecurity, AmqpClaimsBasedSecurityApis, AmqpConnection, AmqpConnectionApis,
    AmqpConnectionOptions, AmqpSession, AmqpSessionApis, AmqpSymbol, AmqpValue,
};

use rollcall_hub::Config;
use rollcall_model::SystemClock;

use crate::fixture::{Fixture, within};

const SAS: &str = "servicebus.windows.net:sastoken";
const JSON_WEB_TOKEN: &str = "jwt";

/// Clients of `$cbs`, each in a session of its own on one connection.
struct Sessions {
    // Sessions live as long as their connection.
    _connection: AmqpConnection,
    clients: Vec<AmqpClaimsBasedSecurity>,
}

impl Sessions {
    async fn open(fixture: &Fixture, sessions: usize) -> Self {
        let connection = AmqpConnection::new();
        let endpoint = Url::parse(&fixture.endpoint()).unwrap();
        // As the official client names itself above this layer: the hub knows by it what it must
        // repeat.
        let named = vec![(
            AmqpSymbol::from("user-agent"),
            AmqpValue::from("azsdk-rust"),
        )];
        let options = AmqpConnectionOptions {
            properties: Some(named.into()),
            ..Default::default()
        };
        connection
            .open("test".to_owned(), endpoint, Some(options))
            .await
            .unwrap();
        let mut clients = Vec::new();
        for _ in 0..sessions {
            let session = AmqpSession::new();
            session.begin(&connection, None).await.unwrap();
            let client = AmqpClaimsBasedSecurity::new(session).unwrap();
            client.attach().await.unwrap();
            clients.push(client);
        }
        Self {
            _connection: connection,
            clients,
        }
    }
}

async fn show(
    client: &AmqpClaimsBasedSecurity,
    kind: &str,
    token: &'static str,
) -> azure_core_amqp::error::Result<()> {
    let path = "amqp://localhost/statuses".to_owned();
    let (kind, secret) = (Some(kind.to_owned()), Secret::new(token));
    let asked = client.authorize_path(path, kind, &secret, OffsetDateTime::UNIX_EPOCH);
    within("an answer", asked).await
}

/// The clients name the same reply address in each session: an answer that goes to another one
/// would leave a partition silent for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_answered_in_the_session_that_brought_it() {
    let fixture = Fixture::start().await;
    let sessions = Sessions::open(&fixture, 3).await;
    for client in &sessions.clients {
        // A refusal is an answer, too.
        show(client, SAS, "no token").await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_token_is_refused_unless_the_hub_was_told_which_one_to_know() {
    let fixture = Fixture::start().await;
    let stranger = Sessions::open(&fixture, 1).await;
    let refusal = show(&stranger.clients[0], JSON_WEB_TOKEN, "known").await;
    let refusal = format!("{:?}", refusal.unwrap_err());
    assert!(refusal.contains("use a connection string"), "{refusal}");

    let knowing = |config: &mut Config| config.known_token = Some("known".to_owned());
    let fixture = Fixture::with(knowing, Arc::new(SystemClock)).await;
    let sessions = Sessions::open(&fixture, 2).await;
    let (known, other) = (&sessions.clients[0], &sessions.clients[1]);
    show(known, JSON_WEB_TOKEN, "known").await.unwrap();
    show(other, JSON_WEB_TOKEN, "other").await.unwrap_err();
}
