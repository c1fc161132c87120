//! The directory of a race, and the processes that run in it: both are gone with the race's own
//! process, however that one ends.
//!
//! A shell reads a pipe whose other end only this process has. When the pipe is closed, by us or by
//! the kernel, it kills the processes whose files lie in the directory, and removes it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tokio::task::spawn_blocking;

const SCRIPT: &str = r#"cat >/dev/null
for pid in "$1"/*.pid; do [ -e "$pid" ] && kill -KILL "$(cat "$pid")"; done
rm -rf "$1""#;
/// Lines of a process's log that its failure shows.
const SHOWN_LINES: usize = 5;

pub(crate) struct Den {
    dir: PathBuf,
    shell: Child,
}

impl Den {
    pub(crate) fn open() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("rollcall-race-").tempdir();
        let dir = dir.context("cannot make a directory for the race")?.keep();
        // PostgreSQL is another user when root starts it, and has nothing to do here.
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "den"])
            .arg(&dir)
            .current_dir("/")
            // Whoever interrupts our group leaves it the time.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let shell = shell.context("cannot start sh")?;
        Ok(Self { dir, shell })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts a process with nothing of our environment; its log is `{name}.log`.
    pub(crate) fn spawn(&self, name: &str, program: &Path, arguments: &[&Path]) -> Result<Process> {
        let log = self.dir.join(format!("{name}.log"));
        let pid_file = self.dir.join(format!("{name}.pid"));
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir(&self.dir)
            // It is ours to stop: an interruption of our group shall not drain it meanwhile.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().append(true).create(true).open(&log)?)
            .spawn();
        let child = child.with_context(|| format!("cannot start {}", program.display()))?;
        let process = Process {
            child,
            pid_file,
            log,
        };
        fs::write(&process.pid_file, process.child.id().to_string())?;
        Ok(process)
    }
}

impl Drop for Den {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Its answer would help nobody: the directory is gone, or it cannot be removed.
        drop(self.shell.wait());
    }
}

/// A process of the den; dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Process {
    /// `kill -9`: no destructor, no drain, no word.
    pub(crate) async fn kill(self) -> Result<()> {
        Ok(spawn_blocking(move || drop(self)).await?)
    }

    /// Its last words, if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<String>> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(None);
        };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("; ");
        Ok(Some(format!("{status}: {last}")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // First of all, so that the shell does not take a later process of this number for it.
        drop(fs::remove_file(&self.pid_file));
        // One that is dead already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_killed_and_the_directory_goes_with_the_den() {
        let den = Den::open().unwrap();
        let dir = den.dir().to_owned();
        let mut sleeper = den
            .spawn("sleeper", Path::new("/bin/sleep"), &[Path::new("60")])
            .unwrap();
        assert_eq!(sleeper.ended().unwrap(), None);
        let proc = PathBuf::from(format!("/proc/{}", sleeper.child.id()));
        assert!(proc.exists());
        sleeper.kill().await.unwrap();
        assert!(!proc.exists());
        let left_alone = den
            .spawn("left-alone", Path::new("/bin/sleep"), &[Path::new("60")])
            .unwrap();
        let alone = PathBuf::from(format!("/proc/{}/stat", left_alone.child.id()));
        // As if this process had died before it could kill it.
        std::mem::forget(left_alone);
        drop(den);
        // It is dead soon, and nobody has waited for it.
        while !fs::read_to_string(&alone).unwrap().contains(") Z ") {
            tokio::task::yield_now().await;
        }
        assert!(!dir.exists());
    }
}
