//! A connection that can fail: a proxy on loopback between one process and one server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CHUNK: usize = 64 << 10;

/// What happens to bytes on their way, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Passes,
    /// Each chunk of bytes is that much later.
    Delays(Duration),
    /// Nothing arrives and nothing is refused. What was sent arrives afterwards, as TCP would repeat
    /// it.
    BlackHole,
}

#[derive(Debug, Clone, Copy)]
struct State {
    weather: Weather,
    /// Connections are of the cut that they began after.
    cuts: u64,
}

/// Dropped, its connections are cut and its port is closed.
pub(crate) struct Link {
    port: u16,
    state: watch::Sender<State>,
    _serving: JoinSet<()>,
}

impl Link {
    /// To a server on a port of this machine.
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Weather::Passes;
        let (state, _) = watch::channel(State { weather, cuts: 0 });
        let mut serving = JoinSet::new();
        serving.spawn(serve(
            listener,
            ([127, 0, 0, 1], server).into(),
            state.clone(),
        ));
        Self {
            port,
            state,
            _serving: serving,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.state.send_modify(|state| state.weather = weather);
    }

    /// Cuts every connection that there is; new ones are taken.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, state: watch::Sender<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        connections.spawn(carry(client, server, state.subscribe()));
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, until either side ends it or it is cut.
async fn carry(client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let began = state.borrow_and_update().cuts;
    let pumping = async {
        passing(&mut state.clone()).await;
        // A server that is down refuses, and the client's connection ends with this task.
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        let whole = client.set_nodelay(true).and(server.set_nodelay(true));
        if whole.is_err() {
            return;
        }
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        // A side that closes its half is told on: the other half may still have something to say.
        tokio::join!(
            pump(from_client, to_server, state.clone()),
            pump(from_server, to_client, state.clone())
        );
    };
    let mut cuts = state.clone();
    tokio::select! {
        () = pumping => {}
        // An error: the link is gone, and the connection with it.
        _ = cuts.wait_for(|state| state.cuts > began) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(length) => {
                passing(&mut state).await;
                if to.write_all(&chunk[..length]).await.is_err() {
                    break;
                }
            }
        }
    }
    // Whoever is gone cannot be told.
    to.shutdown().await.ok();
}

/// Waits as long as the weather wants.
async fn passing(state: &mut watch::Receiver<State>) {
    let weather = state.borrow_and_update().weather;
    match weather {
        Weather::Passes => {}
        Weather::Delays(delay) => sleep(delay).await,
        Weather::BlackHole => {
            let passes = |state: &State| state.weather != Weather::BlackHole;
            state.wait_for(passes).await.ok();
        }
    }
}
