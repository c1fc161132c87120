//! Stands between a program and its server, and counts round trips: a request that follows an
//! answer. What is sent together counts once, whoever sends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const BUFFER: usize = 64 * 1024;

/// Dropped, it takes no more connections.
pub(crate) struct Proxy {
    port: u16,
    server_port: u16,
    turns: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server_port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let turns = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&turns);
        let accepting = tokio::task::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server_port, Arc::clone(&counting)));
            }
        });
        Ok(Self {
            port,
            server_port,
            turns,
            accepting,
        })
    }

    /// The server's URL with the proxy's port.
    pub(crate) fn in_front_of(&self, url: &str) -> String {
        let (server, own) = (format!(":{}", self.server_port), format!(":{}", self.port));
        url.replacen(&server, &own, 1)
    }

    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(client: TcpStream, server_port: u16, turns: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)).await else {
        return;
    };
    for stream in [&client, &server] {
        if stream.set_nodelay(true).is_err() {
            return;
        }
    }
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let answered = AtomicBool::new(true);
    let asking = copy(client_reads, server_writes, || {
        if answered.swap(false, Ordering::Relaxed) {
            turns.fetch_add(1, Ordering::Relaxed);
        }
    });
    let answering = copy(server_reads, client_writes, || {
        answered.store(true, Ordering::Relaxed);
    });
    tokio::join!(asking, answering);
}

/// Until either side has closed; `seen` is called for whatever passes, before it does.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, seen: impl Fn()) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or_default();
        let Some(passing) = buffer.get(..read).filter(|passing| !passing.is_empty()) else {
            break;
        };
        seen();
        if to.write_all(passing).await.is_err() {
            break;
        }
    }
    // Whoever listens on the other side notices by itself if this fails.
    to.shutdown().await.ok();
}
