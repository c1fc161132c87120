//! `hub.json`: what a log directory remembers of its hub, and `lock`, by which one process has it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use rollcall_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Config, Error};

const VERSION: u32 = 1;
const NAME: &str = "hub.json";

/// What is kept besides the partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    pub(crate) event_hub: String,
    pub(crate) partitions: u32,
    /// Milliseconds since the Unix epoch, the precision that clients see.
    created_at_millis: i64,
}

impl Manifest {
    pub(crate) fn created_at(&self) -> Timestamp {
        Timestamp::from_millis(self.created_at_millis)
    }

    /// What the directory says, or what `config` says if it is new. Partitions may be added.
    pub(crate) fn open(config: &Config, now: Timestamp) -> Result<Self, Error> {
        let dir = &config.dir;
        let failed = |source| Error::Log {
            dir: dir.clone(),
            source,
        };
        let mut manifest = Self::read(dir).map_err(failed)?.unwrap_or_else(|| Self {
            version: VERSION,
            event_hub: config.event_hub.clone(),
            partitions: 0,
            created_at_millis: now.as_millis(),
        });
        if manifest.event_hub != config.event_hub || manifest.partitions > config.partitions {
            return Err(Error::OtherHub {
                dir: dir.clone(),
                found_hub: manifest.event_hub,
                found_partitions: manifest.partitions,
                event_hub: config.event_hub.clone(),
                partitions: config.partitions,
            });
        }
        if manifest.partitions < config.partitions {
            manifest.partitions = config.partitions;
            manifest.write(dir).map_err(failed)?;
        }
        Ok(manifest)
    }

    /// `None` when the directory holds no hub.
    pub(crate) fn read(dir: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(dir.join(NAME)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let manifest: Self = serde_json::from_slice(&text)?;
        if manifest.version != VERSION {
            let text = format!("{NAME} has the version {}, not {VERSION}", manifest.version);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Some(manifest))
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        let draft = dir.join("hub.json.new");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(draft, dir.join(NAME))?;
        File::open(dir)?.sync_all()
    }
}

/// Takes the directory for this process; the system gives it back when the file is closed.
pub(crate) fn lock(dir: &Path) -> Result<File, Error> {
    let failed = |source| Error::Log {
        dir: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(failed)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
