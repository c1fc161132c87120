//! Signals to a server whose process id lies in a file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

const DEADLINE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Kill,
    Stop,
    Continue,
}

pub(crate) fn pid(file: &Path) -> Result<u32> {
    let text = fs::read_to_string(file).with_context(|| format!("no {}", file.display()))?;
    text.trim()
        .parse()
        .with_context(|| format!("{text:?} is no process id"))
}

/// Whether the process is there; one that ended and was not waited for is not.
pub(crate) fn lives(file: &Path) -> bool {
    let Ok(pid) = pid(file) else { return false };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(None | Some('Z' | 'X')))
}

pub(crate) fn send(file: &Path, signal: Signal) -> Result<()> {
    let name = match signal {
        Signal::Kill => "KILL",
        Signal::Stop => "STOP",
        Signal::Continue => "CONT",
    };
    let pid = pid(file)?.to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status()?;
    ensure!(sent.success(), "cannot send {name} to process {pid}");
    Ok(())
}

/// Sends the signal and waits until the process is gone.
pub(crate) fn end(file: &Path, signal: Signal) -> Result<()> {
    send(file, signal)?;
    let begun = Instant::now();
    while lives(file) {
        ensure!(
            begun.elapsed() < DEADLINE,
            "it does not end within {DEADLINE:?}"
        );
        std::thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}
