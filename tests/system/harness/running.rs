//! A process of `rollcall`, and the ways in which it ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::wait::until;

/// Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    /// What it says on standard error.
    talk: PathBuf,
}

impl Running {
    /// Starts the command; its output goes to `{stem}.out` and `{stem}.err`.
    pub(crate) fn spawn(mut command: Command, stem: &Path) -> Self {
        let talk = stem.with_extension("err");
        command
            .stdin(Stdio::null())
            .stdout(File::create(stem.with_extension("out")).unwrap())
            .stderr(File::create(&talk).unwrap());
        let child = command.spawn().unwrap();
        Self { child, talk }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn talk(&self) -> String {
        std::fs::read_to_string(&self.talk).unwrap_or_default()
    }

    /// Where that is written.
    pub(crate) fn talk_path(&self) -> String {
        self.talk.display().to_string()
    }

    /// The lines by which it says that something is wrong.
    pub(crate) fn faults(&self) -> Vec<String> {
        let talk = self.talk();
        let faults = talk.lines().filter(|line| {
            let level = line.split_whitespace().nth(1);
            matches!(level, Some("WARN" | "ERROR"))
        });
        faults.map(str::to_owned).collect()
    }

    /// `kill -9`: no destructor, no drain, no word.
    pub(crate) fn kill(mut self) {
        self.kill_now();
    }

    fn kill_now(&mut self) {
        // One that is dead already is as good.
        self.child.kill().ok();
        self.child.wait().unwrap();
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGTERM, and the exit status.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// Such as `TERM`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{signal} \"$0\""), &pid])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("the end of a process", async || {
            self.child.try_wait().unwrap()
        })
        .await
    }

    /// Its resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let figure = line.and_then(|line| line.split_whitespace().nth(1));
        figure.unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_alive() {
            self.kill_now();
        }
    }
}
