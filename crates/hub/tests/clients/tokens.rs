//! `$cbs` with several sessions on one connection.

use azure_core::credentials::Secret;
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use azure_core_amqp::{
    AmqpClaimsBasedSecurity, AmqpClaimsBasedSecurityApis, AmqpConnection, AmqpConnectionApis,
    AmqpConnectionOptions, AmqpSession, AmqpSessionApis, AmqpSymbol, AmqpValue,
};

use crate::fixture::{Fixture, within};

/// The clients name the same reply address in each session: an answer that goes to another one
/// would leave a partition silent for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_answered_in_the_session_that_brought_it() {
    let fixture = Fixture::start().await;
    let connection = AmqpConnection::new();
    let endpoint = Url::parse(&fixture.endpoint()).unwrap();
    // As the official client names itself above this layer: the hub knows by it what it must repeat.
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
    for _ in 0..3 {
        let session = AmqpSession::new();
        session.begin(&connection, None).await.unwrap();
        let client = AmqpClaimsBasedSecurity::new(session).unwrap();
        client.attach().await.unwrap();
        clients.push(client);
    }
    for client in &clients {
        let (path, secret) = (
            "amqp://localhost/statuses".to_owned(),
            Secret::new("no token"),
        );
        let kind = Some("servicebus.windows.net:sastoken".to_owned());
        let asked = client.authorize_path(path, kind, &secret, OffsetDateTime::UNIX_EPOCH);
        // A refusal is an answer, too.
        within("an answer", asked).await.unwrap_err();
    }
}
