//! Free ports, and servers that begin to listen on them.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// A free port may be taken by somebody else before the server has it.
pub(crate) const TRIES: usize = 5;
/// Long enough for a loaded machine; only a server that does not start waits so long.
const DEADLINE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(crate) fn free() -> Result<u16> {
    let probe = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(probe.local_addr()?.port())
}

/// Waits until somebody listens there, as long as the server lives.
pub(crate) fn until_open(port: u16, mut lives: impl FnMut() -> bool) -> Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let begun = Instant::now();
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        ensure!(
            lives() || begun.elapsed() < Duration::from_secs(2),
            "the server has ended"
        );
        ensure!(
            begun.elapsed() < DEADLINE,
            "nobody listens on port {port} after {DEADLINE:?}"
        );
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}
