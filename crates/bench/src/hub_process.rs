//! The hub in a process of its own, so that its CPU is counted apart.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::Arguments;

/// Ends with its standard input, which is closed when this is dropped.
pub(crate) struct HubProcess {
    child: Child,
    address: String,
}

impl HubProcess {
    pub(crate) fn start(
        arguments: &Arguments,
        dir: &Path,
        presettle: bool,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--hub")
            .arg(dir)
            .arg("--partitions")
            .arg(arguments.partitions.to_string());
        if presettle {
            command.arg("--presettle");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("the hub has no output")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        Ok(Self {
            child,
            address: address.trim().to_owned(),
        })
    }

    pub(crate) fn source(&self, arguments: &Arguments) -> rollcall_source::Config {
        rollcall_source::Config {
            custom_endpoint: Some(format!("amqp://{}", self.address)),
            prefetch: Some(arguments.prefetch),
            ..rollcall_source::Config::default()
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            tracing::warn!(%error, "the hub process cannot be waited for");
        }
    }
}
