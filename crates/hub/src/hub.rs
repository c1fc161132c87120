//! The running hub: `Config` → start → `Hub`.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rollcall_model::{Clock, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use crate::broker::{Broker, Parts, Patience};
use crate::log::partition::Options;
use crate::log::retention::Limits;
use crate::log::{Partition, Writer};
use crate::manifest::{self, Manifest};
use crate::sas::Key;
use crate::{Config, Error, connection, listener};

/// Bytes of newest records kept in memory, over all partitions.
const CACHE_BYTES: usize = 64 * 1_048_576;
/// Bytes of newest records kept in memory, per partition.
const CACHE_BYTES_PER_PARTITION: usize = 4 * 1_048_576;
/// How often expired segments are looked for. Looking costs next to nothing.
const RETENTION_INTERVAL: Duration = Duration::from_secs(1);

/// A hub that is running on the caller's runtime. Dropping it ends it at once, as a crash would;
/// [`Hub::stop`] ends it in order.
pub struct Hub {
    address: SocketAddr,
    broker: Arc<Broker>,
    stop: watch::Sender<bool>,
    listener: Option<JoinHandle<()>>,
    writers: JoinSet<()>,
    _lock: Arc<File>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// How the hub stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubStatus {
    /// The event hub's name.
    pub event_hub: String,
    /// When its log was begun.
    pub created_at: Timestamp,
    /// In order of their ids.
    pub partitions: Vec<PartitionStatus>,
}

/// How a partition stands. Only what is on disk counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionStatus {
    /// 0 and up.
    pub partition_id: u32,
    /// The oldest event that is kept, or the next one when none is.
    pub begin_sequence_number: u64,
    /// The newest event; −1 when there never was one.
    pub last_sequence_number: i64,
    /// Bytes of records on disk.
    pub bytes: u64,
    /// Receivers attached, over all consumer groups.
    pub receivers: usize,
}

impl Hub {
    /// Opens the log, listens, and serves on the runtime that calls it. `clock` gives the enqueued
    /// times, the age of events and the expiry of tokens.
    ///
    /// # Errors
    /// When the settings make no hub, the log is in use or belongs to another hub or cannot be
    /// opened, or the address cannot be listened on.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::start_with(config, clock, Patience::default()).await
    }

    pub(crate) async fn start_with(
        config: Config,
        clock: Arc<dyn Clock>,
        patience: Patience,
    ) -> Result<Self, Error> {
        config.check()?;
        let opened = open(config.clone(), Arc::clone(&clock)).await?;
        let listen = |source| Error::Listen {
            address: config.listen,
            source,
        };
        let socket = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = socket.local_addr().map_err(listen)?;
        let mut writers = JoinSet::new();
        for writer in opened.writers {
            writers.spawn(writer.run());
        }
        let broker = Arc::new(Broker::new(Parts {
            event_hub: config.event_hub,
            key: Key {
                name: config.key_name,
                value: config.key,
            },
            known_token: config.known_token,
            presettle: config.presettle,
            created_at: opened.manifest.created_at(),
            clock,
            partitions: opened.partitions,
            patience,
        }));
        let (stop, stopped) = watch::channel(false);
        let listener = tokio::spawn(listener::run(Arc::clone(&broker), socket, stopped.clone()));
        writers.spawn(retain(Arc::clone(&broker), stopped));
        tracing::info!(%address, "the hub listens on {address}");
        Ok(Self {
            address,
            broker,
            stop,
            listener: Some(listener),
            writers,
            _lock: opened.lock,
        })
    }

    /// Where the hub listens; with the port that was taken if 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections, writes and syncs what was received, and gives the log back.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(listener) = self.listener.take()
            && let Err(error) = listener.await
        {
            tracing::error!(%error, "the listener died");
        }
        for partition in &self.broker.partitions {
            partition.stop().await;
        }
        while let Some(ended) = self.writers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a writer died");
            }
        }
    }

    /// How the hub stands now.
    #[must_use]
    pub fn status(&self) -> HubStatus {
        let partitions = self.broker.partitions.iter();
        let partitions = partitions.map(|partition| {
            let extent = partition.extent();
            PartitionStatus {
                partition_id: partition.id,
                begin_sequence_number: extent.begin_sequence_number,
                last_sequence_number: extent.last_sequence_number,
                bytes: extent.bytes,
                receivers: self.broker.receivers.count(partition.id),
            }
        });
        HubStatus {
            event_hub: self.broker.event_hub.clone(),
            created_at: self.broker.created_at,
            partitions: partitions.collect(),
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

/// A log that is open.
struct Opened {
    lock: Arc<File>,
    manifest: Manifest,
    partitions: Vec<Arc<Partition>>,
    writers: Vec<Writer>,
}

async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Opened, Error> {
    let dir = config.dir.clone();
    let opened = spawn_blocking(move || open_blocking(&config, clock)).await;
    opened.map_err(|error| Error::Log {
        dir,
        source: std::io::Error::other(error),
    })?
}

fn open_blocking(config: &Config, clock: Arc<dyn Clock>) -> Result<Opened, Error> {
    let lock = Arc::new(manifest::lock(&config.dir)?);
    let manifest = Manifest::open(config, clock.now())?;
    let count = usize::try_from(config.partitions).unwrap_or(usize::MAX);
    let options = Options {
        limits: Limits::new(config.retention, config.retention_size, config.partitions),
        cache_bytes: (CACHE_BYTES / count).min(CACHE_BYTES_PER_PARTITION),
        clock,
        lock: Arc::clone(&lock),
    };
    let mut partitions = Vec::with_capacity(count);
    let mut writers = Vec::with_capacity(count);
    for id in 0..config.partitions {
        let dir = partition_dir(&config.dir, id);
        let (partition, writer) = Partition::open(id, &dir, options.clone())?;
        partitions.push(partition);
        writers.push(writer);
    }
    Ok(Opened {
        lock,
        manifest,
        partitions,
        writers,
    })
}

/// Where a partition's segments lie.
pub(crate) fn partition_dir(dir: &Path, id: u32) -> std::path::PathBuf {
    dir.join(format!("partition-{id:04}"))
}

async fn retain(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(RETENTION_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => broker.partitions.iter().for_each(|partition| partition.retain()),
            () = connection::stopped(&mut stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::SystemClock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// What a peer hears that says `words` and then nothing, until it is closed.
    async fn silent_after(words: &[u8], patience: Patience) -> Vec<u8> {
        let dir = tempfile::TempDir::new().unwrap();
        let mut config = Config::new(dir.path());
        config.listen = "127.0.0.1:0".parse().unwrap();
        let clock = Arc::new(SystemClock);
        let hub = Hub::start_with(config, clock, patience).await.unwrap();
        let mut socket = TcpStream::connect(hub.address()).await.unwrap();
        socket.write_all(words).await.unwrap();
        let mut heard = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut heard));
        closed.await.unwrap().unwrap();
        hub.stop().await;
        heard
    }

    const GREETING: &[u8] = b"AMQP\x00\x01\x00\x00\
        \x00\x00\x00\x11\x02\x00\x00\x00\x00\x53\x10\xc0\x04\x01\xa1\x01x";

    #[tokio::test]
    async fn a_peer_that_went_silent_is_given_up() {
        let patience = Patience {
            idle: Duration::from_millis(200),
            ..Patience::default()
        };
        let heard = silent_after(GREETING, patience).await;
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains("idle time-out"), "{heard}");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_finish_its_greeting_is_closed() {
        let patience = Patience {
            handshake: Duration::from_millis(200),
            ..Patience::default()
        };
        assert!(silent_after(b"AMQP", patience).await.is_empty());
    }
}
