//! How a command fails: one sentence for the user and an exit code that scripts rely on.

use std::fmt;
use std::process::ExitCode;

use crate::settings::Faults;

/// The interface's exit codes; usage (2) is clap's.
const FAILED: u8 = 1;
const BAD_CONFIGURATION: u8 = 64;
const UNAVAILABLE: u8 = 69;

#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit code 64.
    Settings(Faults),
    /// Exit code 69: something that is needed is not there.
    Unavailable {
        /// One sentence without a full stop: what was tried with what.
        what: String,
        /// How to mend it.
        mend: String,
    },
    /// Exit code 1.
    Failed(anyhow::Error),
}

impl Failure {
    pub(crate) fn unavailable(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Unavailable {
            what: what.into(),
            mend: mend.into(),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Settings(_) => BAD_CONFIGURATION,
            Self::Unavailable { .. } => UNAVAILABLE,
            Self::Failed(_) => FAILED,
        })
    }

    /// Whether the reader of our output went away (`rollcall … | head`): that is no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let Self::Failed(error) = self else {
            return false;
        };
        error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
            .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    /// The chain of causes is printed here and nowhere else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(faults) => write!(f, "{faults}"),
            Self::Unavailable { what, mend } => write!(f, "{what}; {mend}"),
            Self::Failed(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Settings(faults)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their cause already.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
