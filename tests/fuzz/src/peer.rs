//! A hub on loopback, and a peer that says whatever it likes.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rollcall_hub::{Config, Hub};
use rollcall_model::SystemClock;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// What begins like this is said as it stands, and anything else after a greeting.
const PROTOCOL: &[u8] = b"AMQP";
/// SASL PLAIN with the hub's key, then an open with the container id "x".
const GREETING: [&[u8]; 5] = [
    b"AMQP\x03\x01\x00\x00",
    b"\x00\x00\x00\x29\x02\x01\x00\x00",
    b"\x00\x53\x41\xc0\x1c\x02\xa3\x05PLAIN\xa0\x12\x00fuzzer\x00not secret",
    b"AMQP\x00\x01\x00\x00",
    b"\x00\x00\x00\x11\x02\x00\x00\x00\x00\x53\x10\xc0\x04\x01\xa1\x01x",
];
/// The log's, so that hours of sending fill no disk.
const RETENTION: u64 = 8 << 20;
/// A hub that takes longer to be done with a peer who has hung up holds on to it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the hub runs.
const THREAD: &str = "hub";

static PANICKED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The thread's own, so that it is gone, with its directory, when that ends.
    static SITE: Site = Site::start();
}

struct Site {
    runtime: Runtime,
    hub: Hub,
    _dir: TempDir,
}

impl Site {
    #[allow(clippy::expect_used, reason = "without a hub there is nothing to try")]
    fn start() -> Self {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let of_hub = std::thread::current().name() == Some(THREAD);
            PANICKED.fetch_or(of_hub, Ordering::SeqCst);
            previous(panic);
        }));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(THREAD)
            .enable_all()
            .build()
            .expect("a runtime");
        let dir = tempfile::tempdir().expect("a directory");
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            partitions: 2,
            retention_size: Some(RETENTION),
            key_name: "fuzzer".to_owned(),
            key: "not secret".to_owned(),
            ..Config::new(dir.path())
        };
        let hub = runtime.block_on(Hub::start(config, Arc::new(SystemClock)));
        Self {
            hub: hub.expect("a hub"),
            runtime,
            _dir: dir,
        }
    }

    async fn hear(&self, words: &[u8]) -> std::io::Result<()> {
        let mut socket = TcpStream::connect(self.hub.address()).await?;
        let (mut ear, mut mouth) = socket.split();
        let say = async {
            // A hub that hangs up in the midst of it has heard enough.
            if mouth.write_all(words).await.is_ok() {
                drop(mouth.shutdown().await);
            }
        };
        let listen = async {
            let mut heard = vec![0; 16_384];
            while matches!(ear.read(&mut heard).await, Ok(1..)) {}
        };
        tokio::join!(say, listen);
        Ok(())
    }
}

/// Whatever a peer says, the hub is done with it soon after it hangs up, and nothing in it panics.
pub fn peer(input: &[u8]) {
    let words = if input.starts_with(PROTOCOL) {
        input.to_vec()
    } else {
        [&GREETING.concat(), input].concat()
    };
    let heard = SITE.with(|site| {
        let hearing = async { timeout(PATIENCE, site.hear(&words)).await };
        site.runtime.block_on(hearing)
    });
    assert!(matches!(heard, Ok(Ok(()))), "{heard:?}");
    assert!(!PANICKED.load(Ordering::SeqCst), "the hub panicked");
}

/// How many events the hub of this thread has taken from all of them so far.
#[must_use]
pub fn logged() -> i64 {
    let partitions = SITE.with(|site| site.hub.status().partitions);
    partitions
        .iter()
        .map(|partition| partition.last_sequence_number + 1)
        .sum()
}
