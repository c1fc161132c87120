//! The listener: takes peers in, up to a limit, and waits for them at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::broker::Broker;
use crate::connection;

/// Connections at a time. Each costs a few MiB at most.
const MAX_CONNECTIONS: usize = 1_024;
/// How long a stopping hub waits for its connections to say goodbye.
const FAREWELL: Duration = Duration::from_secs(3);
/// After an accept that failed, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs until `stop`.
pub(crate) async fn run(
    broker: Arc<Broker>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let full = connections.len() >= MAX_CONNECTIONS;
        tokio::select! {
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, _)) => {
                    prepare(&stream);
                    let serving = connection::serve(Arc::clone(&broker), stream, stop.clone());
                    connections.spawn(serving);
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report(ended),
            () = connection::stopped(&mut stop) => break,
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(FAREWELL, all_ended).await.is_err() {
        tracing::debug!("some connections did not end in time");
    }
}

fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task died");
    }
}
