//! The data directory and its lock: one node per directory.
//!
//! The lock is the system's own (`flock`), so it dies with the process, however that ends. The pid
//! in the file only names the holder; it decides nothing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::failures::reason;
use crate::failure::Failure;

const LOCK_FILE: &str = "rollcall.lock";

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    _lock: File,
}

/// Who has the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    Nobody,
    /// The pid as the holder wrote it.
    Process(String),
}

impl DataDir {
    /// Creates the directory if it is not there, and locks it.
    ///
    /// # Errors
    /// If it cannot be written, or another node holds it.
    pub(crate) fn lock(dir: &Path) -> Result<Self, Failure> {
        let unwritable = |error: std::io::Error| {
            Failure::unavailable(
                format!(
                    "cannot write the data directory {}: {}",
                    dir.display(),
                    reason(&error)
                ),
                "make it writable, or set node.data_dir to another one",
            )
        };
        fs::create_dir_all(dir).map_err(unwritable)?;
        let mut file = open(dir).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(dir, &read_pid(&mut file))),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        write_pid(&mut file).map_err(unwritable)?;
        Ok(Self { _lock: file })
    }

    /// Who holds the lock of a directory just now; takes nothing from anybody.
    ///
    /// # Errors
    /// If the lock file cannot be opened.
    pub(crate) fn holder(dir: &Path) -> std::io::Result<Holder> {
        let path = path(dir);
        if !path.exists() {
            return Ok(Holder::Nobody);
        }
        let mut file = File::open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Holder::Nobody),
            Err(TryLockError::WouldBlock) => Ok(Holder::Process(read_pid(&mut file))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(LOCK_FILE)
}

fn open(dir: &Path) -> std::io::Result<File> {
    // Not truncated: until the lock is ours the text in it is the holder's.
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path(dir))
}

fn held(dir: &Path, pid: &str) -> Failure {
    Failure::unavailable(
        format!(
            "the data directory {} is in use by process {pid}",
            dir.display()
        ),
        "stop that node, or set node.data_dir to another directory",
    )
}

fn read_pid(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "(unknown)".to_owned(),
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_node_is_refused_in_one_sentence_that_names_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let pid = std::process::id();
        let first = DataDir::lock(dir.path()).unwrap();
        assert_eq!(
            DataDir::holder(dir.path()).unwrap(),
            Holder::Process(pid.to_string())
        );
        let refused = DataDir::lock(dir.path()).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!(
                "the data directory {} is in use by process {pid}; stop that node, or set \
                 node.data_dir to another directory",
                dir.path().display()
            )
        );
        drop(first);
        assert_eq!(DataDir::holder(dir.path()).unwrap(), Holder::Nobody);
        DataDir::lock(dir.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = DataDir::lock(&file.join("below")).unwrap_err().to_string();
        assert!(
            failure.starts_with("cannot write the data directory "),
            "{failure}"
        );
        assert!(failure.ends_with("; make it writable, or set node.data_dir to another one"));
    }
}
