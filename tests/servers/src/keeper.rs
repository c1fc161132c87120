//! Ends a server with the process that started it.
//!
//! The keeper is a shell that reads its standard input, a pipe whose other end only the test's
//! process has. When that process ends, killed or not, the kernel closes the pipe, and the keeper
//! stops the server and removes its directory. (A signal at the parent's death would not do: it
//! comes when the *thread* that started the server ends, and each test has a thread of its own.)
//! The keeper is in a process group of its own, so that whoever kills the test's group leaves it
//! the time.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// Closing its standard input makes it do its work.
#[derive(Debug)]
pub(crate) struct Keeper(Child);

impl Keeper {
    /// `stop` ends the server, as a command of the shell's in which `$1` is `directory`; `shell`
    /// is `sh`, possibly as another user.
    pub(crate) fn start(mut shell: Command, stop: &str, directory: &Path) -> Result<Self> {
        let script = format!("cat >/dev/null; {stop}; rm -rf \"$1\"");
        let keeper = shell
            .args(["-c", &script, "keeper"])
            .arg(directory)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let keeper = keeper.with_context(|| format!("cannot start {shell:?}"))?;
        Ok(Self(keeper))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Its answer would help nobody: the server is gone, or its directory is.
        drop(self.0.wait());
    }
}
