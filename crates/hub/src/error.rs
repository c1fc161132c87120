//! What can go wrong with the hub as a whole. What goes wrong for one peer is told to that peer.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the hub cannot be started or its log not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {}", reason(.source))]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the log open.
    #[error("the log in {} is in use by another process", dir.display())]
    InUse {
        /// The log's directory.
        dir: PathBuf,
    },
    /// The log cannot be opened or written.
    #[error("cannot open the log in {}: {}", dir.display(), reason(.source))]
    Log {
        /// The log's directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log belongs to a hub with another name or with more partitions.
    #[error("the log in {} is of event hub {found_hub:?} with {found_partitions} partitions, not of {event_hub:?} with {partitions}", dir.display())]
    OtherHub {
        /// The log's directory.
        dir: PathBuf,
        /// The name in the log.
        found_hub: String,
        /// The number in the log.
        found_partitions: u32,
        /// The name asked for.
        event_hub: String,
        /// The number asked for.
        partitions: u32,
    },
    /// The settings make no hub.
    #[error("cannot start a hub with {0}")]
    Config(&'static str),
    /// A record that was synced does not check any more.
    #[error("the log is damaged from byte {position} of {} on", path.display())]
    Damaged {
        /// The segment's file, or the last one before a file that is gone.
        path: PathBuf,
        /// Where in the file; its length if what follows the file is gone.
        position: u64,
    },
}

/// What the system said, in its words and without its number.
fn reason(error: &io::Error) -> String {
    let text = match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        _ => error.to_string(),
    };
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_lowercase(),
        None => text,
    }
}
