//! The hub's settings.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

/// The connection string that the emulator of the ecosystem documents; examples written for it
/// work against this hub unchanged.
pub const DEVELOPMENT_CONNECTION_STRING: &str = "Endpoint=sb://localhost;\
    SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;\
    UseDevelopmentEmulator=true;";

/// Event Hubs itself has no more per hub.
const MAX_PARTITIONS: u32 = 1_024;

/// How a hub is started.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The log's directory; it is created if it is not there.
    pub dir: PathBuf,
    /// The one event hub's name.
    pub event_hub: String,
    /// How many partitions it has, 1 to 1,024. A log can get more of them later, never fewer.
    pub partitions: u32,
    /// How long events are kept. They go by whole segments, so some stay longer.
    pub retention: Duration,
    /// Bytes that the log keeps, shared evenly by the partitions. They go by whole segments, so a
    /// partition may lie above its share by one, which is an eighth of it (64 KiB to 16 MiB).
    pub retention_size: Option<u64>,
    /// Whether deliveries are sent settled, which spares the receivers their dispositions.
    pub presettle: bool,
    /// The name of the one shared access key.
    pub key_name: String,
    /// The shared access key.
    pub key: String,
    /// A token that lets its bearer in as Entra's would, compared as it stands. No setting names
    /// one: it is there so that tests can show a credential's whole way.
    pub known_token: Option<String>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("dir", &self.dir)
            .field("event_hub", &self.event_hub)
            .field("partitions", &self.partitions)
            .field("retention", &self.retention)
            .field("retention_size", &self.retention_size)
            .field("presettle", &self.presettle)
            .field("key_name", &self.key_name)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The default settings with the log in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            ..Self::default()
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_PARTITIONS).contains(&self.partitions) {
            return Err(Error::Config("a number of partitions outside 1 to 1024"));
        }
        if self.event_hub.is_empty() || self.event_hub.contains(['/', '$']) {
            return Err(Error::Config(
                "an event hub name that is empty or has / or $ in it",
            ));
        }
        if self.retention.is_zero() {
            return Err(Error::Config("a retention of nothing"));
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 5672)),
            dir: PathBuf::from("rollcall-data/hub"),
            event_hub: "statuses".to_owned(),
            partitions: 8,
            retention: Duration::from_secs(24 * 3_600),
            retention_size: None,
            presettle: false,
            key_name: "RootManageSharedAccessKey".to_owned(),
            key: "SAS_KEY_VALUE".to_owned(),
            known_token: None,
        }
    }
}
