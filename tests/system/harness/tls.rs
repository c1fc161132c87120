//! TLS before a private server, with an authority that only this test trusts (`SSL_CERT_FILE`).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// What the bytes are wrapped in, below TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    None,
    /// AMQP over WebSockets, as Event Hubs takes it on port 443.
    WebSocket,
}

/// Certificates for `localhost`.
pub(crate) struct Authority {
    acceptor: TlsAcceptor,
}

impl Authority {
    /// Writes what clients have to trust.
    pub(crate) fn new(trusted: &Path) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(trusted, certified.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certified.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )
            .unwrap();
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// Stands before `server` on a port of its own, until the test ends.
    pub(crate) async fn before(&self, server: SocketAddr, wrapping: Wrapping) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let near = acceptor.accept(near).await.unwrap();
                    let far = TcpStream::connect(server).await.unwrap();
                    match wrapping {
                        Wrapping::None => carry(near, far).await,
                        Wrapping::WebSocket => unwrap_websocket(near, far).await,
                    }
                });
            }
        });
        port
    }
}

/// Either end may hang up first.
async fn carry(mut near: TlsStream<TcpStream>, mut far: TcpStream) {
    drop(copy_bidirectional(&mut near, &mut far).await);
}

#[allow(
    clippy::result_large_err,
    reason = "the callback's type is the library's"
)]
async fn unwrap_websocket(near: TlsStream<TcpStream>, far: TcpStream) {
    let greeting = |request: &Request, mut response: Response| {
        assert_eq!(request.uri().path(), "/$servicebus/websocket/");
        let name = "Sec-WebSocket-Protocol";
        assert_eq!(request.headers()[name], "amqp");
        let amqp = HeaderValue::from_static("amqp");
        response.headers_mut().insert(name, amqp);
        Ok(response)
    };
    let near = accept_hdr_async(near, greeting).await.unwrap();
    let (mut to_client, mut from_client) = near.split();
    let (mut from_hub, mut to_hub) = far.into_split();
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            if let Message::Binary(bytes) = message
                && to_hub.write_all(&bytes).await.is_err()
            {
                break;
            }
        }
    };
    let down = async {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from_hub.read(&mut bytes).await {
            let message = Message::binary(bytes[..count].to_vec());
            if to_client.send(message).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
