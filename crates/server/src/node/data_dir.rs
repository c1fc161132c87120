//! The data directory and its lock: one node per directory, and one per SQLite file, which may lie
//! elsewhere.
//!
//! The lock is the system's own (`flock`), so it dies with the process, however that ends. The pid
//! in the file only names the holder; it decides nothing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::failures::reason;
use crate::failure::Failure;
use crate::settings::Settings;

const LOCK_FILE: &str = "rollcall.lock";

/// Appended to the name of the database's file.
const DATABASE_LOCK_SUFFIX: &str = ".lock";

/// Holds the locks until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    _lock: File,
    _database: Option<File>,
}

/// What a lock stands for, as the user knows it.
struct Place<'a> {
    noun: &'static str,
    key: &'static str,
    path: &'a Path,
}

/// Who has the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    Nobody,
    /// The pid as the holder wrote it.
    Process(String),
}

impl DataDir {
    /// Creates the directory if it is not there, and locks it and the database's file.
    ///
    /// # Errors
    /// If one of them cannot be written, or another node holds it.
    pub(crate) fn lock(settings: &Settings) -> Result<Self, Failure> {
        Self::lock_both(&settings.node.data_dir, settings.database_file().as_deref())
    }

    fn lock_both(dir: &Path, database: Option<&Path>) -> Result<Self, Failure> {
        let data_dir = Place {
            noun: "data directory",
            key: "node.data_dir",
            path: dir,
        };
        Ok(Self {
            _lock: data_dir.lock(&path(dir))?,
            _database: database.map(lock_database).transpose()?,
        })
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

fn lock_database(file: &Path) -> Result<File, Failure> {
    // A link and the file that it names are one database.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let database = Place {
        noun: "database",
        key: "store.url",
        path: &file,
    };
    let mut lock = file.clone().into_os_string();
    lock.push(DATABASE_LOCK_SUFFIX);
    database.lock(Path::new(&lock))
}

impl Place<'_> {
    /// Takes the lock file, which is created with its directory if it is not there.
    fn lock(&self, lock: &Path) -> Result<File, Failure> {
        let unwritable = |error: std::io::Error| self.unwritable(&error);
        let mut file = open(lock).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.held(&read_pid(&mut file))),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        write_pid(&mut file).map_err(unwritable)?;
        Ok(file)
    }

    fn unwritable(&self, error: &std::io::Error) -> Failure {
        let (noun, path, why) = (self.noun, self.path.display(), reason(error));
        Failure::unavailable(
            format!("cannot write the {noun} {path}: {why}"),
            format!("make it writable, or set {} to another one", self.key),
        )
    }

    fn held(&self, pid: &str) -> Failure {
        let (noun, path) = (self.noun, self.path.display());
        Failure::unavailable(
            format!("the {noun} {path} is in use by process {pid}"),
            format!("stop that node, or set {} to another one", self.key),
        )
    }
}

fn open(lock: &Path) -> std::io::Result<File> {
    if let Some(dir) = lock.parent() {
        fs::create_dir_all(dir)?;
    }
    // Not truncated: until the lock is ours the text in it is the holder's.
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(lock)
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
        let first = DataDir::lock_both(dir.path(), None).unwrap();
        assert_eq!(
            DataDir::holder(dir.path()).unwrap(),
            Holder::Process(pid.to_string())
        );
        let refused = DataDir::lock_both(dir.path(), None);
        let refused = refused.unwrap_err().to_string();
        assert_eq!(
            refused,
            format!(
                "the data directory {} is in use by process {pid}; stop that node, or set \
                 node.data_dir to another one",
                dir.path().display()
            )
        );
        drop(first);
        assert_eq!(DataDir::holder(dir.path()).unwrap(), Holder::Nobody);
        DataDir::lock_both(dir.path(), None).unwrap();
    }

    #[test]
    fn a_second_node_on_the_same_database_is_refused_whatever_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("elsewhere/roll.db");
        let first = DataDir::lock_both(&dir.path().join("a"), Some(&database)).unwrap();
        let refused = DataDir::lock_both(&dir.path().join("b"), Some(&database));
        assert_eq!(
            refused.unwrap_err().to_string(),
            format!(
                "the database {} is in use by process {}; stop that node, or set store.url to \
                 another one",
                database.display(),
                std::process::id()
            )
        );
        drop(first);
        DataDir::lock_both(&dir.path().join("b"), Some(&database)).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = DataDir::lock_both(&file.join("below"), None);
        let failure = failure.unwrap_err().to_string();
        assert!(
            failure.starts_with("cannot write the data directory "),
            "{failure}"
        );
        assert!(failure.ends_with("; make it writable, or set node.data_dir to another one"));
    }
}
