//! What stands between a node and the server: it answers while the server does not.

use rollcall_store::{Config, Kind, Store};
use tokio::net::TcpListener;

/// A connection that is taken and closed at once.
#[tokio::test]
async fn a_proxy_whose_server_is_down_is_a_server_that_is_down() {
    let proxy = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = proxy.local_addr().unwrap().port();
    let hanging_up = tokio::spawn(async move {
        loop {
            drop(proxy.accept().await.unwrap());
        }
    });
    let config = Config::new(format!("postgres://rollcall@127.0.0.1:{port}/postgres"));
    let refused = Store::open(config).await.err().unwrap();
    assert_eq!(refused.kind, Kind::Unavailable, "{refused:?}");
    hanging_up.abort();
}
